# SPDX-License-Identifier: Apache-2.0
"""Training of the networks: recipes, data and losses. Nothing of the runtime imports this but the command line."""
