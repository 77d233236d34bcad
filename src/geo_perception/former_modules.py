# SPDX-License-Identifier: Apache-2.0
"""Former names of public modules, importable for one release more with a DeprecationWarning."""

from __future__ import annotations

import importlib
import sys
import warnings
from collections.abc import Sequence
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGES = {
    "geo_perception.datasets.indoor": "geo_perception.datasets.rgbd",
    "geo_perception.networks.inference": "geo_perception.inference.cpu",
    "geo_perception.ros.demo": "geo_perception.ros.live_eval",
}
MODULES = {
    "geo_perception.datasets.indoor.depth_codes": "geo_perception.datasets.rgbd.depth_encodings",
    "geo_perception.datasets.indoor.lens": "geo_perception.datasets.rgbd.camera_source",
    "geo_perception.datasets.indoor.pictures": "geo_perception.datasets.rgbd.image_folder",
    "geo_perception.datasets.indoor.rgbd": "geo_perception.datasets.rgbd.dataset",
    "geo_perception.datasets.indoor.sets": "geo_perception.datasets.rgbd.training_lists",
    "geo_perception.ros.nodes.consistency": "geo_perception.pipelines.stereo_lidar_fusion.agreement",
}


def present_name(name: str) -> str | None:
    """Return the present name of a module that had another one, None for every other name."""
    if name in MODULES:
        return MODULES[name]
    for former, present in PACKAGES.items():
        if name == former or name.startswith(f"{former}."):
            return present + name[len(former) :]
    return None


class FormerModules:
    """Finder and loader that hands out a module under its former name.

    Not derived from the classes of `importlib.abc`, whose import takes longer than that of this package.
    """

    def find_spec(
        self, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """See `importlib.abc.MetaPathFinder`."""
        if present_name(fullname) is None:
            return None
        return ModuleSpec(fullname, self)  # type: ignore[arg-type]  # a loader by its methods, see above

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        """Import the module under its present name."""
        present = present_name(spec.name)
        assert present is not None
        warnings.warn(f"{spec.name} is called {present} now", DeprecationWarning, stacklevel=2)
        module = ModuleType(spec.name)
        module.__dict__.update(vars(importlib.import_module(present)))
        module.__dict__.update(__name__=spec.name, __path__=[])
        return module

    def exec_module(self, module: ModuleType) -> None:
        """Do nothing: the module has been executed under its present name."""


def install() -> None:
    """Let former names be imported; once in a process."""
    if not any(isinstance(finder, FormerModules) for finder in sys.meta_path):
        sys.meta_path.append(FormerModules())
