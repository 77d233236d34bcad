# SPDX-License-Identifier: Apache-2.0
"""`geo-perception replay BAG`: publish a bag on its topics."""

import json
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Optional

import typer

from geo_perception.cli.eval.bag_options import renaming
from geo_perception.cli.output import examples
from geo_perception.outputs import check_file, written_aside
from geo_perception.progress import say

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command(epilog=examples("replay drive.mcap --rate 0.5", "replay drive.mcap --lockstep --loop 0"))
def replay(
    bag: Annotated[Path, typer.Argument(help="bag folder, or a .mcap or .db3 file")],
    rate: Annotated[float, typer.Option(help="speed; 2 = twice real time")] = 1.0,
    loop: Annotated[int, typer.Option(min=0, help="how often to play (0: until Ctrl-C)")] = 1,
    lockstep: Annotated[bool, typer.Option("--lockstep", help="next frame only after the answer")] = False,
    answer: Annotated[str, typer.Option(help="lockstep: image topic of the answer")] = "depth/image_rect",
    answer_timeout: Annotated[float, typer.Option(help="lockstep: seconds to wait for an answer")] = 30.0,
    window: Annotated[
        Optional[float], typer.Option(help="lockstep: seconds between stamps of a set; else as the node's")
    ] = None,
    right_offset_s: Annotated[
        float, typer.Option(help="lockstep: how much later the right camera stamps the same moment")
    ] = 0.0,
    lidar_offset_s: Annotated[
        float, typer.Option(help="lockstep: how much later the lidar stamps the same moment")
    ] = 0.0,
    restamp: Annotated[bool, typer.Option("--restamp", help="stamp messages with the present time")] = False,
    clock: Annotated[bool, typer.Option("--clock", help="publish /clock, for use_sim_time")] = False,
    wait: Annotated[float, typer.Option(help="seconds to wait for subscribers (0: do not wait)")] = 30.0,
    prefix: Annotated[str, typer.Option(help="put before every topic, e.g. /kitti")] = "",
    remap: Annotated[Optional[list[str]], typer.Option(help="FROM:=TO, may be repeated")] = None,
    report: Annotated[Optional[Path], typer.Option(help="write what was sent, and when, as JSON")] = None,
) -> None:
    """Publish a bag: in real time, at another rate, looped (stamps jump back), or in lockstep."""
    from geo_perception.ros.bags import MatchWindows
    from geo_perception.ros.replay import ReplayConfig
    from geo_perception.ros.replay import replay as play
    from geo_perception.ros.runtime.transport import environment

    if report is not None:
        check_file(report, "--report")
    os.environ.update(environment(os.environ))  # before the middleware reads it, which is once
    windows = MatchWindows() if window is None else MatchWindows.equal_to(window)
    config = ReplayConfig(
        rate=rate,
        loops=loop,
        lockstep=lockstep,
        answer=answer,
        answer_timeout_s=answer_timeout,
        windows=replace(windows, right_offset_s=right_offset_s, lidar_offset_s=lidar_offset_s),
        restamp=restamp,
        clock=clock,
        wait_s=wait,
        prefix=prefix,
        remap=dict(map(renaming, remap or [])),
    )
    result = play(bag, config, progress=True, said=say)
    if report is not None:
        with written_aside(report) as aside:
            aside.write_text(json.dumps(asdict(result)) + "\n", encoding="utf-8")
    late = "" if lockstep else f", at most {result.behind_ms:.1f} ms behind their due time"
    none = f"{result.messages} messages sent, no image that a node takes under its own name among them"
    print(f"{len(result.sent)} frames sent{late}" if result.sent else f"{none}{late}")
