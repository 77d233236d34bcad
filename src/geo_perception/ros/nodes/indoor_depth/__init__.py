# SPDX-License-Identifier: Apache-2.0
"""Node `indoor_depth`: parameters and the node."""
