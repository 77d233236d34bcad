# SPDX-License-Identifier: Apache-2.0
"""Indoor image sets: those that networks are trained on, and RGB-D folders that they are judged on."""
