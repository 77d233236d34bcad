# SPDX-License-Identifier: Apache-2.0
"""As much of launch and launch_ros as our launch files use, recording what they ask for."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest


class Recorded:
    """An action or substitution with what it was made of."""

    def __init__(self, *args: Any, **options: Any) -> None:
        self.args, self.options = args, options


class DeclareLaunchArgument(Recorded): ...


class ExecuteProcess(Recorded): ...


class OpaqueFunction(Recorded): ...


class SetEnvironmentVariable(Recorded): ...


class Node(Recorded): ...


class LaunchDescription(Recorded): ...


class Context:
    """Launch configurations as given or by default."""

    def __init__(self, configurations: dict[str, str]) -> None:
        self.launch_configurations = configurations


class LaunchConfiguration(Recorded):
    def perform(self, context: Context) -> str:
        return context.launch_configurations[self.args[0]]


class get_logger(Recorded):  # noqa: N801 - a function there
    def warning(self, line: str) -> None:
        WARNINGS.append(line)


WARNINGS: list[str] = []


MODULES: dict[str, tuple[type, ...]] = {
    "launch": (LaunchDescription,),
    "launch.actions": (DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable),
    "launch.logging": (get_logger,),
    "launch.substitutions": (LaunchConfiguration,),
    "launch_ros": (),
    "launch_ros.actions": (Node,),
}


def load(path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Recorded]:
    """The entities of a launch file's description."""
    for name, members in MODULES.items():
        module = ModuleType(name)
        for member in members:
            setattr(module, member.__name__, member)
        monkeypatch.setitem(sys.modules, name, module)
    for name in ("LaunchContext", "LaunchDescriptionEntity"):
        setattr(sys.modules["launch"], name, Recorded)
    description: LaunchDescription = runpy.run_path(str(path))["generate_launch_description"]()
    return list(description.args[0])


def run(entities: list[Recorded], **given: str) -> list[Recorded]:
    """What the description's functions start, with these launch arguments, of which launch takes unknown ones, too."""
    context = {
        e.args[0]: e.options["default_value"] for e in entities if isinstance(e, DeclareLaunchArgument)
    }
    functions = [e.options["function"] for e in entities if isinstance(e, OpaqueFunction)]
    return [action for function in functions for action in function(Context({**context, **given}))]
