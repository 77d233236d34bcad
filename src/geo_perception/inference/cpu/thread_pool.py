# SPDX-License-Identifier: Apache-2.0
"""Parts of a batch, or networks, that compute at the same time, each on a thread of its own.

Threads that share an image wait for one another after every layer; threads with images of their own wait once, at the
end. A few images each are needed for that to pay: one alone leaves the cache of its core, which two would have shared.
"""

from __future__ import annotations

import math
import os
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache, partial
from typing import TypeVar

import torch

T = TypeVar("T")


def shares(images: int, least: int) -> int:
    """In how many parts a batch is computed at once: one for each `least` images, as far as there are threads."""
    return max(1, min(torch.get_num_threads(), math.ceil(images / least)))


def side_by_side(tasks: Sequence[Callable[[], T]]) -> list[T]:
    """Run tasks in parallel and return their results; PyTorch's threads are divided among them, at least one each.

    Gradients and inference mode are as in the caller's thread. If any fails, its error is raised when all have ended.
    """
    if len(tasks) == 1:
        return [tasks[0]()]
    team = workers(len(tasks), max(1, torch.get_num_threads() // len(tasks)))
    inference, grad = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    answers = [team.submit(partial(answer, task, inference, grad)) for task in tasks]
    wait(answers)
    return [each.result() for each in answers]


def answer(task: Callable[[], T], inference: bool, grad: bool) -> T:
    """Run a task in the modes of another thread, and return its result."""
    with torch.inference_mode(inference), torch.set_grad_enabled(grad):
        return task()


@lru_cache(maxsize=4)
def workers(count: int, threads: int) -> ThreadPoolExecutor:
    """Threads, each of which PyTorch helps with so many of its own. Kept: starting them takes longer than an image."""
    all_there = threading.Barrier(count, timeout=60)  # s; if one cannot begin, none waits for ever
    before = torch.get_num_threads()

    def begin() -> None:
        torch.get_num_threads()  # PyTorch's own number is given to a thread at its first question, and would stay
        torch.set_num_threads(threads)
        all_there.wait()

    team = ThreadPoolExecutor(count, "side_by_side", begin)
    try:
        for began in [team.submit(torch.get_num_threads) for _ in range(count)]:
            began.result()
    finally:
        torch.set_num_threads(before)  # new threads of other people start with what was set last
    return team


os.register_at_fork(after_in_child=workers.cache_clear)  # threads stay behind
