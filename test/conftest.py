# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests."""

import os

from hypothesis import settings

# No deadline: on a busy machine an example may take any time, and no test asserts one. CI sees the same examples each
# time, so that a change is what turns it red; people and `make fuzz` see ever new ones.
FUZZING = "GEO_PERCEPTION_FUZZ_UNTIL" in os.environ
settings.register_profile("no deadline", deadline=None, derandomize="CI" in os.environ and not FUZZING)
settings.load_profile("no deadline")
