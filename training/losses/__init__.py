# SPDX-License-Identifier: Apache-2.0
"""Losses as pure functions, one file a family; recipes weight them once, where the recipe shows it."""
