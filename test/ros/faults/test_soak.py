# SPDX-License-Identifier: Apache-2.0
"""Two thousand frames through the real node, each answered before the next is sent: memory stays what it was."""

from __future__ import annotations

import pytest
from helpers.fusion_run import FusionRun
from helpers.ros_peer import OUTPUTS

pytestmark = [pytest.mark.ros, pytest.mark.slow, pytest.mark.timeout(1800)]
WARM_UP, FRAMES = 200, 2000
GROWTH = 1.05


def test_memory_after_2000_frames_is_that_after_200() -> None:
    run = FusionRun(listen=OUTPUTS)
    try:
        warm_bytes = 0
        for number in range(1, FRAMES + 1):
            frame, stamp_ns = run.next_frame()
            run.peer.send(frame)
            assert run.peer.answered(stamp_ns), f"frame {number} is not answered"
            for messages in run.peer.outputs.values():
                messages.clear()
            if number == WARM_UP:
                warm_bytes = run.process.resident_bytes
        assert run.process.resident_bytes <= GROWTH * warm_bytes
        assert run.complaints == []
    finally:
        run.close()
