# SPDX-License-Identifier: Apache-2.0
"""Training of the networks: recipes, data and losses. Of the runtime only the command line imports it."""
