# SPDX-License-Identifier: Apache-2.0
"""Weights: model folders with cards, and the import of official checkpoints without running pickled code."""

from geo_perception.weights.folders import find_model, list_models, model_folders, user_folder
from geo_perception.weights.imagenet import load_imagenet
from geo_perception.weights.model_card import ModelCard, read_card
from geo_perception.weights.official import (
    Imported,
    Official,
    import_checkpoint,
    list_official,
    read_official,
)
from geo_perception.weights.places import check_model_folder, check_unshipped
from geo_perception.weights.store import load_model, save_model

__all__ = [
    "Imported",
    "ModelCard",
    "Official",
    "check_model_folder",
    "check_unshipped",
    "find_model",
    "import_checkpoint",
    "list_models",
    "list_official",
    "load_imagenet",
    "load_model",
    "model_folders",
    "read_card",
    "read_official",
    "save_model",
    "user_folder",
]
