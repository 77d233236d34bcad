# SPDX-License-Identifier: Apache-2.0
"""A graph run for real, in processes of its own, and judged by what it published.

`run.run(DemoConfig())` is the way in; nothing is imported here, because the replay process needs little of it.
"""
