# SPDX-License-Identifier: Apache-2.0
"""One image of an indoor camera to dense metric depth."""
