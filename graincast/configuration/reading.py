"""How the raw data of a prediction are read: the keys of a data set, checked."""

import os
from collections.abc import Mapping
from typing import Any

from graincast.configuration import checks
from graincast.configuration.errors import ConfigError
from graincast.configuration.schema import checked, of_prediction
from graincast.raw.reading import shaping
from graincast.raw.sources import SOURCES


def settings(written: Mapping[str, Any], where: str | os.PathLike) -> dict:
    """The source and keys of raw data as `graincast.raw.reading.read` takes them, with defaults.

    written  source, path and further keys of a data set
    where    for messages
    Raises ConfigError.
    """
    found = checked({"model": "-", **written}, of_prediction(written.get("source")), where)
    check(str(where), dict(written), found)
    return shaping(found)


def check(where: str, written: dict, prediction: dict) -> None:
    """Raise ConfigError for keys of a prediction that contradict others. `written` lacks the defaults."""
    source = SOURCES[prediction["source"]]
    if source.runs is None or not source.reader:
        raise ConfigError(f"{where}.source: {prediction['source']} has no maps to predict; name the source of some")
    checks.check_dataset(where, written, prediction)
