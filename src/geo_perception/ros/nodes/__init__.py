# SPDX-License-Identifier: Apache-2.0
"""One file a node; each ends in a `main()` that `ros2 run` and launch files start."""
