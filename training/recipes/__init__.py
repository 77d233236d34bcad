# SPDX-License-Identifier: Apache-2.0
"""One file a recipe, with its loop in view; `geo-perception train NAME` runs `NAME.main(args)`."""
