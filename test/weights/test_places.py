# SPDX-License-Identifier: Apache-2.0
"""Models are written over nothing that is none, over shipped ones only by force, and single files whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from helpers.full_disk import limited_files

from geo_perception.errors import ConfigError, GeoPerceptionError, OutputError, WeightsError
from geo_perception.networks import build
from geo_perception.weights import ModelCard, check_model_folder, folders, load_model, save_model
from geo_perception.weights.average import average_models
from geo_perception.weights.export import export_state
from geo_perception.weights.places import shipped_model

NETWORK = "scadc_guided"


def write(folder: Path, seed: int = 0) -> Path:
    torch.manual_seed(seed)
    save_model(build(NETWORK), folder, ModelCard(network=NETWORK))
    return folder


def test_a_file_in_the_models_place_is_refused_and_stays(tmp_path: Path) -> None:
    place = tmp_path / "mine.pth"
    place.write_bytes(b"a checkpoint")
    for act in (lambda: check_model_folder(place, "--to"), lambda: write(place)):
        with pytest.raises(WeightsError, match=r"mine\.pth is a file, and a model is a folder"):
            act()
    assert place.read_bytes() == b"a checkpoint" and list(tmp_path.iterdir()) == [place]


@pytest.mark.parametrize("foreign", ["notes.txt", "checkpoint.pt", "folder/x"])
def test_other_files_are_never_lost(foreign: str, tmp_path: Path) -> None:
    place = write(tmp_path / "model") if foreign != "folder/x" else tmp_path / "model"
    (place / foreign).parent.mkdir(parents=True, exist_ok=True)
    (place / foreign).write_text("mine")
    for act in (lambda: check_model_folder(place), lambda: write(place)):
        with pytest.raises(WeightsError, match="part of no model, which would be lost"):
            act()
    assert (place / foreign).read_text() == "mine"


def test_empty_folders_models_and_links_to_them_are_written_to(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    check_model_folder(tmp_path / "empty")
    write(tmp_path / "empty")
    (tmp_path / "link").symlink_to("empty")
    check_model_folder(tmp_path / "link")
    write(tmp_path / "link", seed=1)
    assert (tmp_path / "link").is_symlink()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["empty", "link"]
    load_model(tmp_path / "empty")


def test_places_that_cannot_be_are_refused_before_the_work(tmp_path: Path) -> None:
    (tmp_path / "afile").touch()
    with pytest.raises(OutputError, match=r"--to .*afile is a file, not a folder"):
        check_model_folder(tmp_path / "afile" / "x", "--to")
    with pytest.raises(GeoPerceptionError, match="mount point"):
        check_model_folder(Path("/proc"))


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A model that comes with the package."""
    home = tmp_path / "share" / "geo_perception" / "models"
    monkeypatch.setenv("AMENT_PREFIX_PATH", str(tmp_path))
    return write(home / "shipped")


def test_a_shipped_model_is_written_by_force_alone(package: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(package)
    for place in (package, package / "x.pth", tmp_path / "link", package / ".." / "shipped"):
        assert shipped_model(place) == package.resolve()
        with pytest.raises(ConfigError, match=r"--out .*the model shipped comes with the package.*--force"):
            check_model_folder(place, "--out")
    check_model_folder(package, force=True)
    check_model_folder(package.with_name("own"))
    with pytest.raises(ConfigError, match="comes with the package"):
        export_state(package, package / "x.pth")


def test_the_models_of_this_checkout_are_shipped() -> None:
    names = {path.parent.name for path in folders.package_folders()[0].glob("*/model.yaml")}
    assert "scadc_guided_sim" in names
    for name in names:
        with pytest.raises(ConfigError, match="comes with the package"):
            check_model_folder(folders.package_folders()[0] / name)
    with pytest.raises(WeightsError, match="would be lost"):
        check_model_folder(folders.package_folders()[0])


def test_export_is_refused_before_and_leaves_nothing_half(tmp_path: Path) -> None:
    model = write(tmp_path / "model")
    (tmp_path / "afile").touch()
    before = sorted(tmp_path.iterdir())
    for target, said in (("afile/x.pth", "not a folder"), (f"{'n' * 300}.pth", "name too long")):
        with pytest.raises(OutputError, match=said):
            export_state("absent, which would be found later", tmp_path / target)
    with pytest.raises(ConfigError, match="holds the weights of a model"):
        export_state(model, model / "weights.safetensors")
    for suffix in (".pth", ".safetensors"):
        with pytest.raises(OutputError, match=r"out\.\w+ cannot be written"), limited_files(50_000):
            export_state(model, tmp_path / f"out{suffix}")
    assert sorted(tmp_path.iterdir()) == before
    assert export_state(model, tmp_path / "new" / "out.pth") == len(load_model(model).state_dict())


def test_a_mean_does_not_replace_one_of_its_models(tmp_path: Path) -> None:
    first, second = write(tmp_path / "a"), write(tmp_path / "b", seed=1)
    with pytest.raises(ConfigError, match="is one of the models"):
        average_models([first, second], [1, 1], tmp_path / "b" / ".." / "a")


def test_users_without_a_home_have_the_packages_models(monkeypatch: pytest.MonkeyPatch) -> None:
    def nowhere() -> Path:
        raise RuntimeError("Could not determine home directory.")

    monkeypatch.setattr(Path, "home", nowhere)
    monkeypatch.delenv("XDG_DATA_HOME", raising=False)
    assert "scadc_guided_sim" in folders.list_models()
    with pytest.raises(ConfigError, match=r"no home folder.*XDG_DATA_HOME"):
        folders.user_folder()
    monkeypatch.setenv("XDG_DATA_HOME", "relative")
    with pytest.raises(ConfigError, match="no home folder"):
        folders.user_folder()
    with pytest.raises(WeightsError, match="no such user"):
        folders.find_model("~nobody-of-that-name/model")
