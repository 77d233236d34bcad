# SPDX-License-Identifier: Apache-2.0
"""Base of every node: parameters, worker, health, quality of service, life cycle, process."""
