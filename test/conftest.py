# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests."""

from hypothesis import settings

# No deadline: on a busy machine an example may take any time, and no test asserts one.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")
