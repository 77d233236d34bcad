# SPDX-License-Identifier: Apache-2.0
"""Exceptions of this package; every message names the offending value and what is allowed."""


class GeoPerceptionError(Exception):
    """Base of all errors a user can cause; the command line prints it as one line and exits with 2."""


class ConfigError(GeoPerceptionError):
    """A parameter, option, network or model name is unknown or out of range."""


class InputError(GeoPerceptionError):
    """Data handed to a function or node is malformed: wrong shape, type, unit or not finite."""


class WeightsError(GeoPerceptionError):
    """A model folder or checkpoint is missing, damaged, unsafe or made for another network."""


class DataError(GeoPerceptionError):
    """A data set, bag or calibration file is missing or cannot be read."""


class MissingDependencyError(GeoPerceptionError):
    """An optional package is needed and is not installed."""


class OutputError(GeoPerceptionError):
    """A result cannot be written to its place: no such folder, no permission, no space."""
