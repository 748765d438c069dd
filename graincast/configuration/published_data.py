"""Published data sets: the files that describe them, where they are fetched from and to, and how they are used."""

import os
import shlex
from collections.abc import Mapping
from pathlib import Path

import yaml

from graincast.configuration.errors import nearest
from graincast.configuration.yaml_file import read
from graincast.microstructure import BadInput
from graincast.raw.file_list import PublishedData, described, web_address

FOLDER = Path("config", "data")
"""Where the descriptions lie, one YAML file per data set."""
MIRROR = "GRAINCAST_DATA_MIRROR"
"""The variable with the web address of a mirror, which has each data set in a folder of its name."""


def names() -> list[str]:
    """The names of all data sets that can be fetched."""
    return sorted(path.stem for path in FOLDER.glob("*.yaml"))


def published(name: str) -> PublishedData:
    """A data set by its name, or by the path of its YAML file. Raises BadInput."""
    path = Path(name) if name.endswith(".yaml") else FOLDER / f"{name}.yaml"
    if not path.is_file():
        known = f"{nearest(name, names())} (known: {', '.join(names())})" if names() else "; run this in a checkout"
        raise BadInput(f"no file {path}{known}")
    return described(read(path), path)


def address(data: PublishedData, environment: Mapping[str, str] = os.environ) -> str:
    """The web address to fetch a data set from: its own, or its folder on the mirror. Raises BadInput."""
    mirror = environment.get(MIRROR)
    return f"{web_address(mirror, MIRROR)}/{data.name}" if mirror else data.address


def folder(data: PublishedData, environment: Mapping[str, str] = os.environ) -> Path:
    """The folder to fetch a data set to: below RAW_DATA_ROOT, or below data/ where that is not set."""
    return Path(environment.get("RAW_DATA_ROOT") or "data").expanduser() / data.name


def usage(data: PublishedData, where: Path, environment: Mapping[str, str] = os.environ) -> list[str]:
    """How to use a data set that lies in a folder, in lines: its part of a configuration, and one that is ready."""
    in_root = bool(environment.get("RAW_DATA_ROOT")) and where == folder(data, environment)
    path = f"$RAW_DATA_ROOT/{data.name}" if in_root else str(where)
    section = {"datasets": {data.name: {"source": data.source, "path": path}}}
    lines = ["", "# in a configuration:", yaml.safe_dump(section, sort_keys=False).rstrip()]
    if data.configuration and where.name == data.name:
        root = "" if in_root else f"RAW_DATA_ROOT={shlex.quote(str(where.parent.resolve()))} "
        lines += ["", "# or run one that reads it:", f"{root}make run CONFIG={data.configuration}"]
    return lines
