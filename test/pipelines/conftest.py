# SPDX-License-Identifier: Apache-2.0
"""An untrained indoor model and its pipeline, for the modules that do not bring their own."""

import pytest
from helpers.indoor_model import untrained_model

from geo_perception.pipelines import IndoorDepth, IndoorDepthConfig


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return untrained_model(tmp_path_factory.mktemp("models") / "indoor")


@pytest.fixture(scope="module")
def pipeline(model):
    return IndoorDepth(IndoorDepthConfig(model=model, precision="float32"))
