# SPDX-License-Identifier: Apache-2.0
"""What every node is built on: parameters, worker, health, quality of service, life cycle, process."""
