# SPDX-License-Identifier: Apache-2.0
"""Validation and model card of the fusion networks."""
