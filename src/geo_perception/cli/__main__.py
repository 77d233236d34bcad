# SPDX-License-Identifier: Apache-2.0
"""`python -m geo_perception.cli`, for where the console script is not on PATH."""

from geo_perception.cli import main

main()
