# SPDX-License-Identifier: Apache-2.0
"""A tiny indoor data set, and configurations that train on it in seconds."""

import pytest
from helpers.indoor_folders import small_simsin
from helpers.indoor_training import tiny_config


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("simsin")
    return f"simsin:{folder}:{small_simsin(folder)}"


@pytest.fixture
def tiny(data, tmp_path):
    return lambda preset, name="", **values: tiny_config(preset, data, tmp_path, name, **values)
