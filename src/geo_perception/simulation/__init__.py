# SPDX-License-Identifier: Apache-2.0
"""Procedural worlds with perfect ground truth, one sub-package each."""
