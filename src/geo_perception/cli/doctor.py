# SPDX-License-Identifier: Apache-2.0
"""`geo-perception doctor`: checks of this machine, with the fix for each fault."""

from collections.abc import Callable, Iterator

import typer

from geo_perception.cli import checks
from geo_perception.cli.checks import Check
from geo_perception.errors import GeoPerceptionError

EXIT_FAILED_CHECK = 1

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def examine(delivery_seconds: float) -> Iterator[Check]:
    """Run all checks, cheap ones first; delivery is left out when it has no seconds or rclpy is missing."""
    steps: list[Callable[[], list[Check]]] = [
        checks.python_version,
        checks.processor,
        checks.numeric_packages,
        checks.open3d_package,
        checks.middleware,
        checks.fastdds_profile,
        checks.shared_memory,
        checks.abandoned_memory,
        checks.launch_tools,
        checks.models,
    ]
    found: dict[str, str] = {}
    for step in steps:
        for check in guarded(step):
            found[check.name] = check.status
            yield check
    if delivery_seconds > 0 and found.get("rclpy") != "FAIL":
        yield from guarded(lambda: checks.delivery(delivery_seconds))


def guarded(step: Callable[[], list[Check]]) -> list[Check]:
    """Run one check so that its failure does not hide the others."""
    try:
        return step()
    except (GeoPerceptionError, ImportError, OSError) as error:
        name = getattr(step, "__name__", "check").replace("_", " ").strip("<>")
        return [Check("FAIL", name, str(error))]


@app.command()
def doctor(
    seconds: float = typer.Option(
        3.0, min=0.0, max=60.0, help="length of the delivery measurement; 0 = none"
    ),
) -> None:
    """Check this machine and name the fix for what is wrong. Exit code 1 if anything will not work."""
    failed = False
    for check in examine(seconds):
        print(f"{check.status:<4}  {check.name}: {check.detail}", flush=True)
        if check.fix:
            print(f"      fix: {check.fix}", flush=True)
        failed |= check.status == "FAIL"
    raise typer.Exit(EXIT_FAILED_CHECK if failed else 0)
