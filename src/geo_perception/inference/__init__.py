# SPDX-License-Identifier: Apache-2.0
"""Execution of the networks; the modules in `networks` stay the reference."""
