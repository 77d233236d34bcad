# SPDX-License-Identifier: Apache-2.0
"""Training of indoor depth: options and presets, networks, objective and losses, experts, validation, model card."""
