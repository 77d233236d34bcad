# SPDX-License-Identifier: Apache-2.0
"""Parts of a batch on threads of their own."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator

import pytest
import torch

from geo_perception.inference.cpu import optimise
from geo_perception.inference.cpu.thread_pool import shares, side_by_side, workers
from geo_perception.networks import build


@pytest.fixture(autouse=True)
def four_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(4)
    yield
    torch.set_num_threads(before)


def test_a_batch_has_no_more_parts_than_threads_or_than_images_fill() -> None:
    assert [shares(images, 1) for images in (0, 1, 3, 4, 9)] == [1, 1, 3, 4, 4]
    assert [shares(images, 4) for images in (0, 4, 5, 16, 99)] == [1, 1, 2, 4, 4]


def test_tasks_run_at_the_same_time_and_answer_in_order() -> None:
    both_there = threading.Barrier(2, timeout=20)

    def number(value: int) -> int:
        both_there.wait()
        return value

    assert side_by_side([lambda: number(1), lambda: number(2)]) == [1, 2]


def test_threads_are_divided_and_the_callers_stay() -> None:
    assert side_by_side([torch.get_num_threads] * 2) == [2, 2]
    assert side_by_side([torch.get_num_threads] * 6) == [1] * 6
    assert torch.get_num_threads() == 4
    other: list[int] = []
    thread = threading.Thread(target=lambda: other.append(torch.get_num_threads()))
    thread.start()
    thread.join()
    assert other == [4]


@pytest.mark.parametrize("inference", [True, False])
def test_modes_are_those_of_the_caller(inference: bool) -> None:
    weight = torch.ones(1, requires_grad=True)
    with torch.inference_mode(inference):
        got = side_by_side([lambda: 2 * weight] * 2)
    assert {part.requires_grad for part in got} == {not inference}


def test_an_error_is_raised_when_all_have_ended_and_the_next_call_works() -> None:
    ended = threading.Event()

    def fail() -> float:
        raise RuntimeError("out of memory")

    def last() -> float:
        total = float(torch.ones(200, 200).mm(torch.ones(200, 200)).sum())
        ended.set()
        return total

    with pytest.raises(RuntimeError, match="out of memory"):
        side_by_side([fail, last])
    assert ended.is_set()
    assert side_by_side([last, last]) == [200.0**3] * 2


def test_a_forked_process_starts_threads_of_its_own() -> None:
    workers(2, 2)
    child = os.fork()
    if child == 0:
        os._exit(0 if workers(2, 2).submit(lambda: 7).result(timeout=20) == 7 else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


@pytest.mark.parametrize("encoder", ["resnet18", "efficientnet_lite0"])
@pytest.mark.parametrize("batch", [2, 7, 18])
def test_depth_of_a_batch_is_that_of_its_images(encoder: str, batch: int) -> None:
    torch.manual_seed(0)
    fast = optimise(build("distdepth", encoder=encoder).eval())
    images = torch.rand(batch, 3, 64, 96)
    with torch.inference_mode():
        together = fast(images).depth_m
        apart = torch.cat([fast(image[None]).depth_m for image in images])
        assert torch.allclose(together, apart, rtol=1e-5)
        torch.set_num_threads(1)
        assert torch.allclose(fast(images).depth_m, apart, rtol=1e-5)
