# SPDX-License-Identifier: Apache-2.0
"""Settings of all tests."""

import os
import signal

from hypothesis import settings

# No deadline: on a busy machine an example may take any time, and no test asserts one. CI sees the same examples each
# time, so that a change is what turns it red; people and `make fuzz` see ever new ones.
FUZZING = "GEO_PERCEPTION_FUZZ_UNTIL" in os.environ
settings.register_profile("no deadline", deadline=None, derandomize="CI" in os.environ and not FUZZING)
settings.load_profile("no deadline")

# A shell starts background jobs with Ctrl-C ignored, which programs of ours respect, and so would those under test.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)
