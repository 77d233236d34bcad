# SPDX-License-Identifier: Apache-2.0
"""What trains indoor depth: options and presets, networks, objective and losses, experts, validation, model card."""
