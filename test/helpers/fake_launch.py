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


class LaunchConfiguration(Recorded):
    def perform(self, context: dict[str, str]) -> str:
        return context[self.args[0]]


MODULES: dict[str, tuple[type, ...]] = {
    "launch": (LaunchDescription,),
    "launch.actions": (DeclareLaunchArgument, ExecuteProcess, OpaqueFunction, SetEnvironmentVariable),
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
    """What the description's functions start, with these launch arguments."""
    context = {
        e.args[0]: e.options["default_value"] for e in entities if isinstance(e, DeclareLaunchArgument)
    }
    unknown = given.keys() - context.keys()
    assert not unknown, unknown
    functions = [e.options["function"] for e in entities if isinstance(e, OpaqueFunction)]
    return [action for function in functions for action in function({**context, **given})]
