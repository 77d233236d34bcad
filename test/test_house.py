# SPDX-License-Identifier: Apache-2.0
"""The house's own rules: cheap imports, sizes, walls between layers, and documents that tell the truth."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from geo_perception import cli
from geo_perception.weights import load_model, read_card

ROOT = Path(__file__).resolve().parents[1]
CODE = ("src", "training", "bench", "tools", "launch", "examples", "test")
HEAVY = ("torch", "open3d", "rclpy", "cv2")
RUNTIME_PARAMETERS = ("use_sim_time", "autostart")  # every node has them, outside its settings
FRAGMENTS = ("What", "Whether", "Of", "How")  # first words of docstrings that need the code to be understood
MAX_FILE_LINES = 300
MAX_FUNCTION_LINES = 60


def python_files(*folders: str) -> list[Path]:
    """Every .py file below these folders of the checkout."""
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def functions(path: Path) -> list[tuple[str, int]]:
    """Name and length in lines, without the docstring, of every function in a file."""
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            has_docstring = ast.get_docstring(node, clean=False) is not None
            docstring = (first.end_lineno or 0) - first.lineno + 1 if has_docstring else 0
            length = (node.end_lineno or 0) - node.lineno + 1 - docstring
            found.append((f"{path.relative_to(ROOT)}:{node.name}", length))
    return found


def loaded(packages: tuple[str, ...], program: str) -> list[str]:
    """Run a program in a fresh interpreter and say which of the packages it imported."""
    tell = f"import sys; print([m for m in {packages!r} if m in sys.modules])"
    result = subprocess.run(
        [sys.executable, "-c", f"{program}\n{tell}"], capture_output=True, text=True, check=True
    )
    names: list[str] = ast.literal_eval(result.stdout.splitlines()[-1])
    return names


def test_import_and_overview_are_cheap() -> None:
    assert loaded(HEAVY, "import geo_perception; from geo_perception.cli import run; run(['--help'])") == []


def test_help_of_a_verb_is_quick() -> None:
    program = "from geo_perception import cli\nfor verb in cli.VERBS: cli.load_verb(verb)"
    assert loaded(("torch", "open3d", "rclpy"), program) == []


@pytest.mark.parametrize("verb", cli.VERBS)
def test_every_verb_explains_itself(verb: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run([verb, "--help"]) == 0
    assert "Usage" in capsys.readouterr().out
    assert cli.SUMMARIES[verb]


def test_every_file_names_its_licence() -> None:
    without = [
        p for p in python_files(*CODE) if "SPDX-License-Identifier: Apache-2.0" not in p.read_text()[:120]
    ]
    assert without == []


def test_every_module_has_a_docstring() -> None:
    without = [p for p in python_files("src", "training") if not ast.get_docstring(ast.parse(p.read_text()))]
    assert without == []


def test_docstrings_are_imperatives_or_noun_phrases() -> None:
    documented = ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef
    summaries = [
        f"{path.relative_to(ROOT)}: {(ast.get_docstring(node) or '').partition(chr(10))[0]}"
        for path in python_files("src", "training")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, documented)
    ]
    assert len(summaries) > 1000
    assert [text for text in summaries if text.partition(": ")[2].split(" ")[0] in FRAGMENTS] == []


def test_files_stay_readable_in_one_go() -> None:
    lengths = {path: len(path.read_text().splitlines()) for path in python_files(*CODE)}
    assert {path: length for path, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_functions_stay_small() -> None:
    lengths = [item for path in python_files("src", "training") for item in functions(path)]
    assert [item for item in lengths if item[1] > MAX_FUNCTION_LINES] == []
    assert statistics.median(length for _, length in lengths) < 10


def test_no_class_name_stands_for_two_things() -> None:
    found: dict[str, list[Path]] = {}
    for path in python_files("src", "training", "bench"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                found.setdefault(node.name, []).append(path)
    assert {name: paths for name, paths in found.items() if len(paths) > 1} == {}


def test_walls_between_layers_stand() -> None:
    linter = Path(sys.executable).with_name("lint-imports")
    result = subprocess.run([linter], cwd=ROOT, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stdout


def test_launch_files_describe_a_launch() -> None:
    files = sorted((ROOT / "launch").glob("*.py"))
    assert files
    for path in files:
        names = [n.name for n in ast.parse(path.read_text()).body if isinstance(n, ast.FunctionDef)]
        assert "generate_launch_description" in names, path


def node_settings() -> dict[str, tuple[type, type]]:
    """Settings and pipeline configuration of every node."""
    from geo_perception.pipelines import IndoorDepthConfig, StereoLidarFusionConfig
    from geo_perception.ros.nodes.indoor_depth.parameters import IndoorSettings
    from geo_perception.ros.nodes.stereo_lidar_fusion.parameters import FusionSettings

    return {
        "stereo_lidar_fusion": (FusionSettings, StereoLidarFusionConfig),
        "indoor_depth": (IndoorSettings, IndoorDepthConfig),
    }


def test_nodes_offer_every_option_of_their_pipeline() -> None:
    from geo_perception.ros.graphs import GRAPHS

    assert set(node_settings()) == {node.executable for graph in GRAPHS.values() for node in graph.nodes}
    for settings, config in node_settings().values():
        assert settings().pipeline() == config()


def test_parameter_files_name_parameters_of_their_node() -> None:
    for node, (settings, _) in node_settings().items():
        values = yaml.safe_load((ROOT / "config" / f"{node}.yaml").read_text())["/**"]["ros__parameters"]
        fields = settings.__dataclass_fields__
        assert [name for name in values if name not in fields and name not in RUNTIME_PARAMETERS] == []
        assert {name: fields[name].default for name in values if name in fields} == values


def test_graphs_start_installed_commands() -> None:
    from geo_perception.ros.graphs import GRAPHS

    commands = (ROOT / "setup.py").read_text()
    for node in [node for graph in GRAPHS.values() for node in graph.nodes]:
        assert f'"{node.executable} = {node.module}:main"' in commands
        assert (ROOT / node.parameter_file).is_file()
    assert {path.name for path in (ROOT / "launch").glob("*.launch.py")} == {f"{g}.launch.py" for g in GRAPHS}


def test_configuration_files_are_yaml_mappings() -> None:
    for path in (ROOT / "config").rglob("*.yaml"):
        assert isinstance(yaml.safe_load(path.read_text()), dict), path


def test_every_network_is_tested() -> None:
    from geo_perception.networks import NETWORKS

    text = "\n".join(path.read_text() for path in python_files("test/networks"))
    assert [name for name in NETWORKS if f'"{name}"' not in text and f"networks.{name} " not in text] == []


def test_published_networks_have_golden_outputs() -> None:
    for name in ("psmnet", "ssdc", "scadc"):
        assert list((ROOT / "test" / "golden").glob(f"{name}*.npz")), name


def test_shipped_models_load_and_say_what_they_are() -> None:
    for card_file in (ROOT / "models").glob("*/model.yaml"):
        card = read_card(card_file.parent)
        load_model(card_file.parent)
        assert card.licence, card_file
        assert card.trained_on, card_file
        assert card.recipe == f"runs/{card_file.parent.name}.sh" and (ROOT / card.recipe).is_file(), card_file
        assert card.command, card_file
        assert card.output["unit"] == "m", card_file
        assert card.metrics, card_file
        assert card.metrics_command, card_file
