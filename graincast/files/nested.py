"""Nested mappings of arrays and plain values in one HDF5 file, which loads without running code.

A mapping is a group, an array a dataset, any other value JSON in an attribute of its group. An array that occurs more
than once is stored once. Files are identified by the attributes format and version; `about` (JSON) describes them.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import h5py
import numpy as np

from graincast.files import hdf5


def write(path: str | os.PathLike, form: hdf5.Format, content: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the file whole. content: nested mappings; keys are text without a slash."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(form)
        file.create_dataset("about", data=json.dumps(about))
        _fill(file.create_group("content"), content, {})


def read(path: str | os.PathLike, form: hdf5.Format) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content and what it is about. Raises BadInput if the file is not of this format and version."""
    with hdf5.opened(path, form) as file:
        return _content(file["content"]), json.loads(file["about"][()])


def read_about(path: str | os.PathLike, form: hdf5.Format) -> dict[str, Any]:
    """What the content is about, without reading it. Raises BadInput as `read` does."""
    with hdf5.opened(path, form) as file:
        return json.loads(file["about"][()])


def _fill(group: h5py.Group, content: Mapping[str, Any], stored: dict[tuple, tuple[str, np.ndarray]]) -> None:
    for key, value in content.items():
        if isinstance(value, Mapping):
            _fill(group.create_group(key), value, stored)
        elif isinstance(value, np.ndarray):
            view = (value.__array_interface__["data"][0], value.shape, value.strides, value.dtype.str)
            if value.size and view in stored:
                group[key] = group.file[stored[view][0]]
                continue
            packed = {"compression": "gzip", "compression_opts": 4} if value.size > 1024 else {}
            dataset = group.create_dataset(key, data=value, **packed)
            stored[view] = dataset.name, value  # held, so that its address is not used again
        else:
            group.attrs[key] = json.dumps(value)


def _content(group: h5py.Group) -> dict[str, Any]:
    found: dict[str, Any] = {key: json.loads(value) for key, value in group.attrs.items()}
    for key, item in group.items():
        found[key] = _content(item) if isinstance(item, h5py.Group) else item[()]
    return found
