# SPDX-License-Identifier: Apache-2.0
"""Recipes, one file each, with the loop in view; `geo-perception train NAME` runs `NAME.main(args)`."""
