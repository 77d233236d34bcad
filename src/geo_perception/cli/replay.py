# SPDX-License-Identifier: Apache-2.0
"""`geo-perception replay BAG`: publish a bag on its topics."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from geo_perception.errors import ConfigError
from geo_perception.progress import say

app = typer.Typer(add_completion=False)


@app.command()
def replay(
    bag: Annotated[Path, typer.Argument(help="bag folder, or a .mcap or .db3 file")],
    rate: Annotated[float, typer.Option(help="speed; 2 = twice real time")] = 1.0,
    loop: Annotated[int, typer.Option(min=0, help="how often to play (0: until Ctrl-C)")] = 1,
    lockstep: Annotated[bool, typer.Option("--lockstep", help="next frame only after the answer")] = False,
    answer: Annotated[str, typer.Option(help="lockstep: image topic of the answer")] = "depth/image_rect",
    answer_timeout: Annotated[float, typer.Option(help="lockstep: seconds to wait for an answer")] = 30.0,
    window: Annotated[float, typer.Option(help="lockstep: seconds between stamps of one set")] = 0.0,
    restamp: Annotated[bool, typer.Option("--restamp", help="stamp messages with the present time")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="publish /clock, for use_sim_time")] = False,
    wait: Annotated[float, typer.Option(help="seconds to wait for subscribers (0: do not wait)")] = 30.0,
    prefix: Annotated[str, typer.Option(help="put before every topic, e.g. /kitti")] = "",
    remap: Annotated[list[str] | None, typer.Option(help="FROM:=TO, may be repeated")] = None,
    report: Annotated[Path | None, typer.Option(help="write what was sent, and when, as JSON")] = None,
) -> None:
    """Publish a bag: in real time, at another rate, looped (stamps jump back), or in lockstep."""
    from geo_perception.ros.replay import ReplayConfig
    from geo_perception.ros.replay import replay as play

    config = ReplayConfig(
        rate=rate,
        loops=loop,
        lockstep=lockstep,
        answer=answer,
        answer_timeout_s=answer_timeout,
        window_s=window,
        restamp=restamp,
        clock=clock,
        wait_s=wait,
        prefix=prefix,
        remap=dict(map(_renaming, remap or [])),
    )
    result = play(bag, config, progress=True, said=say)
    if report is not None:
        report.write_text(json.dumps(asdict(result)) + "\n")
    late = "" if lockstep else f", at most {result.behind_ms:.1f} ms behind their due time"
    print(f"{len(result.sent)} frames sent{late}")


def _renaming(text: str) -> tuple[str, str]:
    before, separator, after = text.partition(":=")
    if not (separator and before and after):
        raise ConfigError(f"remap must be FROM:=TO, got {text!r}")
    return before, after
