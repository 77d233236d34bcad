# SPDX-License-Identifier: Apache-2.0
"""`geo-perception train RECIPE [--key value]`: passes the options to `training.recipes.<RECIPE>`."""

import pkgutil
from importlib import import_module

import typer

from geo_perception.command import command_name
from geo_perception.errors import ConfigError, MissingDependencyError

app = typer.Typer(add_completion=False, rich_markup_mode=None)


def recipes() -> list[str]:
    """List the installed recipes. Raises MissingDependencyError where `training` is absent."""
    try:
        package = import_module("training.recipes")
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            "the package `training` is not installed beside geo_perception"
        ) from error
    return sorted(
        module.name for module in pkgutil.iter_modules(package.__path__) if not module.name.startswith("_")
    )


# The recipe prints its own --help, so typer must not take that option for itself.
@app.command(
    context_settings={"allow_extra_args": True, "ignore_unknown_options": True, "help_option_names": []}
)
def train(context: typer.Context, recipe: str = typer.Argument("", help="name of a recipe")) -> None:
    """Run a training recipe; everything after its name goes to the recipe (try `train RECIPE --help`)."""
    known = recipes()
    if recipe in ("", "--help", "-h"):
        command = f"{command_name()} train"
        print(
            f"Usage: {command} RECIPE [--key value]\n\nTrain a network; recipes: {', '.join(known) or '(none)'}\n"
        )
        print(f"What a recipe takes:\n  {command} RECIPE --help")
        return
    if recipe not in known:
        raise ConfigError(f"unknown recipe {recipe!r}; there are: {', '.join(known) or '(none)'}")
    import_module(f"training.recipes.{recipe}").main(context.args)
