# SPDX-License-Identifier: Apache-2.0
"""A verb with commands of its own that lists them when it is given another one."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from geo_perception.errors import ConfigError


class NamingGroup(TyperGroup):
    """Names the commands that exist."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command. Raises ConfigError, naming what exists, for one that does not."""
        command = super().get_command(ctx, cmd_name)
        if command is None:
            known = ", ".join(self.list_commands(ctx))
            raise ConfigError(f"unknown command {cmd_name!r} after `{ctx.command_path}`; there are: {known}")
        return command
