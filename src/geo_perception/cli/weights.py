# SPDX-License-Identifier: Apache-2.0
"""`geo-perception weights list|import|verify|export|average`: management of models."""

from pathlib import Path
from typing import Any, Optional

import typer
import yaml

from geo_perception.cli.groups import NamingGroup
from geo_perception.cli.output import examples
from geo_perception.command import command_name
from geo_perception.errors import ConfigError

app = typer.Typer(
    cls=NamingGroup,
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="List, verify, import, export and average model weights.",
)

NAME = typer.Argument(metavar="NAME", help="of `weights list`, or a network's")
SOURCE = typer.Argument(
    metavar="SOURCE", help="checkpoint file, or the folder of a network that comes as one"
)
MODEL = typer.Argument(metavar="MODEL", help="name or folder of a model")
TARGET = typer.Argument(metavar="TARGET", help="file to write, .pth or .safetensors")
MEAN = typer.Argument(metavar="FOLDER", help="model folder to write")
MODELS = typer.Argument(metavar="MODEL", help="names or folders of models")
NAMES = typer.Argument(None, metavar="MODEL", help="names or folders of models; all when left out")
FOLDER = typer.Option(None, "--to", help="folder of the model; default: the user's model folder / NAME")
SHARES = typer.Option([], "--share", help="of each model, in their order, once per model; default: equal")
FORCE = typer.Option(False, "--force", help="overwrite a model that comes with the package, too")
SET = typer.Option([], "--set", help="option of the network, KEY=VALUE, e.g. align_corners=true")


@app.command("list")
def list_() -> None:
    """Show the models that can be loaded by name, and the official ones that can be imported."""
    from geo_perception.cli.model_list import model_lines

    print("\n".join(model_lines()))


@app.command()
def verify(names: Optional[list[str]] = NAMES) -> None:
    """Load models completely: card, hash, every tensor. The first bad one ends with its reason."""
    from geo_perception.weights import list_models, load_model

    models = names or [str(folder) for folder in list_models().values()]
    if not models:
        print("no models to verify")
    for model in models:
        load_model(model)
        print(f"ok  {model}")


@app.command("import", epilog=examples("weights import psmnet_kitti2015 pretrained_model_KITTI2015.tar"))
def import_(
    name: str = NAME,
    source: Path = SOURCE,
    to: Optional[Path] = FOLDER,
    settings: list[str] = SET,
    force: bool = FORCE,
) -> None:
    """Turn an official checkpoint file into a model folder."""
    from geo_perception.weights import check_model_folder, read_official, save_model, user_folder

    folder = to or user_folder() / name
    check_model_folder(folder, "--to", force=force)
    imported = read_official(name, source, **parse_settings(settings))
    card = save_model(imported.module, folder, imported.card)
    print(f"{folder}: {card.network} {card.config}, sha256 {card.sha256[:12]}")
    for limit in card.limits:
        print(f"  note: {limit}")


@app.command(epilog=examples("weights export distdepth_lite0_rooms depth.safetensors"))
def export(name: str = MODEL, target: Path = TARGET, force: bool = FORCE) -> None:
    """Write a model's state dictionary, with the published keys, to a .pth or .safetensors file."""
    from geo_perception.weights.export import export_state

    print(f"{target}: {export_state(name, target, force=force)} entries")


@app.command(epilog=examples("weights average out/mean out/first out/second --share 0.7 --share 0.3"))
def average(
    folder: Path = MEAN, models: list[str] = MODELS, shares: list[float] = SHARES, force: bool = FORCE
) -> None:
    """Write to FOLDER the weighted mean of MODELS' weights. They must come from trainings with one start."""
    from geo_perception.weights import check_model_folder
    from geo_perception.weights.average import average_models

    check_model_folder(folder, "FOLDER", force=force)
    card = average_models(models, shares or [1.0] * len(models), folder)
    print(
        f"{folder}: {card.network}, sha256 {card.sha256[:12]}; "
        f"measure it with: {command_name()} eval PIPELINE DATA --model {folder}"
    )


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """Parse ["maxdisp=128"] to {"maxdisp": 128}. Raises ConfigError for anything that is not KEY=VALUE."""
    values = {}
    for setting in settings:
        key, equals, value = setting.partition("=")
        if not equals or not key:
            raise ConfigError(f"--set needs KEY=VALUE, got {setting!r}")
        try:
            values[key] = yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--set {key}: {value!r} is not a value") from error
    return values
