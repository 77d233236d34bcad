# SPDX-License-Identifier: Apache-2.0
"""Benchmarks: every module here with a function `run() -> list[Row]` is one part of `make bench`."""
