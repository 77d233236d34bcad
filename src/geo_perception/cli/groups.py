# SPDX-License-Identifier: Apache-2.0
"""Groups of commands that list their commands when an unknown one is given."""

from __future__ import annotations

from typing import Any

from typer.core import TyperGroup

from geo_perception.errors import ConfigError


class NamingGroup(TyperGroup):
    """Group that names its commands in the error for an unknown one."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Look up a command. Raises ConfigError, naming what exists, for an unknown one."""
        command = super().get_command(ctx, cmd_name)
        if command is None:
            known = ", ".join(self.list_commands(ctx))
            raise ConfigError(f"unknown command {cmd_name!r} after `{ctx.command_path}`; there are: {known}")
        return command
