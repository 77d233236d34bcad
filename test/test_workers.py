# SPDX-License-Identifier: Apache-2.0
"""Workers of a pool end when their parent is killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

PROGRAM = (
    "import time\nfrom concurrent.futures import ProcessPoolExecutor\nfrom multiprocessing import get_context\n"
    "from geo_perception.workers import end_with_parent\n"
    "if __name__ == '__main__':\n"
    "    with ProcessPoolExecutor(2, get_context('spawn'), initializer=end_with_parent) as pool:\n"
    "        list(pool.map(abs, range(8)))\n"
    "        print('working', flush=True)\n"
    "        time.sleep(600)\n"
)


def test_workers_do_not_outlive_a_killed_parent(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with subprocess.Popen(
        [sys.executable, tmp_path / "program.py"], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None and parent.stdout.readline() == "working\n"
        children = psutil.Process(parent.pid).children()
        workers = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
        assert workers
        parent.kill()
    assert not psutil.wait_procs(workers, timeout=30)[1]
