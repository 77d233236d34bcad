# SPDX-License-Identifier: Apache-2.0
"""Procedural worlds with exact ground truth, one sub-package for each kind of world."""
