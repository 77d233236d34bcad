# SPDX-License-Identifier: Apache-2.0
"""`geo-perception weights list|import|verify|export|average`: what models there are, moved in and out safely."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer
import yaml

from geo_perception.errors import ConfigError

app = typer.Typer(
    add_completion=False, no_args_is_help=True, help="List, verify, import, export and average model weights."
)

NAMES = typer.Argument(None, help="names or folders of models; all when left out")
FOLDER = typer.Option(None, "--to", help="folder of the model; default: the user's model folder / NAME")
SHARES = typer.Option([], "--share", help="of each model, in their order, once per model; default: equal")
FORCE = typer.Option(False, "--force", help="overwrite a model that comes with the package, too")
SET = typer.Option([], "--set", help="option of the network, KEY=VALUE, e.g. align_corners=true")


@app.command("list")
def list_() -> None:
    """Show the models that can be loaded by name, and the official ones that can be imported."""
    from geo_perception.weights import list_models, list_official, read_card

    print("Models:")
    for name, folder in list_models().items():
        card = read_card(folder)
        print(f"  {name:<22} {card.network:<13} {card.sha256[:12]}  {folder}")
    print("Official weights, not distributed here:")
    for name, entry in list_official().items():
        print(f"  {name:<22} {entry.network:<13} {entry.source}\n      {entry.command}")


@app.command()
def verify(names: list[str] | None = NAMES) -> None:
    """Load models completely: card, hash, every tensor. The first bad one ends with its reason."""
    from geo_perception.weights import list_models, load_model

    models = names or [str(folder) for folder in list_models().values()]
    if not models:
        print("no models to verify")
    for model in models:
        load_model(model)
        print(f"ok  {model}")


@app.command("import")
def import_(
    name: str, source: Path, to: Path | None = FOLDER, settings: list[str] = SET, force: bool = FORCE
) -> None:
    """Turn an official checkpoint file into a model folder. NAME: see `weights list`, or a network."""
    from geo_perception.weights import check_model_folder, read_official, save_model, user_folder

    folder = to or user_folder() / name
    check_model_folder(folder, "--to", force=force)
    imported = read_official(name, source, **parse_settings(settings))
    card = save_model(imported.module, folder, imported.card)
    print(f"{folder}: {card.network} {card.config}, sha256 {card.sha256[:12]}")
    for limit in card.limits:
        print(f"  note: {limit}")


@app.command()
def export(name: str, target: Path, force: bool = FORCE) -> None:
    """Write a model's state dictionary, with the published keys, to a .pth or .safetensors file."""
    from geo_perception.weights.export import export_state

    print(f"{target}: {export_state(name, target, force=force)} entries")


@app.command()
def average(folder: Path, models: list[str], shares: list[float] = SHARES, force: bool = FORCE) -> None:
    """Write to FOLDER the weighted mean of MODELS' weights. They must have been trained from one beginning."""
    from geo_perception.weights import check_model_folder
    from geo_perception.weights.average import average_models

    check_model_folder(folder, "FOLDER", force=force)
    card = average_models(models, shares or [1.0] * len(models), folder)
    print(f"{folder}: {card.network}, sha256 {card.sha256[:12]}; measure it with geo-perception eval")


def parse_settings(settings: list[str]) -> dict[str, Any]:
    """["maxdisp=128"] -> {"maxdisp": 128}. Raises ConfigError for anything that is not KEY=VALUE."""
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
