# SPDX-License-Identifier: Apache-2.0
"""Evaluation of `indoor_depth`: protocols, scoring, panels and tables of depth from one image."""
