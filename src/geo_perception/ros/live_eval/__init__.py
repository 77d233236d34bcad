# SPDX-License-Identifier: Apache-2.0
"""Live evaluation: runs a graph in processes of its own and scores what it publishes.

The entry point is `run.run(DemoConfig())`; nothing is imported here, because the replay process needs little of it.
"""
