"""Nested mappings of arrays and plain values in one HDF5 file, which loads without running code.

A mapping is a group, an array a dataset, any other value JSON in an attribute of its group. An array that occurs more
than once is stored once, and read as one array. Files are identified by the attributes format and version; `about`
(JSON) describes them; the attribute digest is a hash of all this, which a reader checks. Text has fixed length, because
HDF5 checks that as part of a header; a damaged heap of texts can keep it in an endless loop.
"""

import contextlib
import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import h5py
import numpy as np

from graincast.files import hdf5
from graincast.microstructure import BadInput


def write(path: str | os.PathLike, form: hdf5.Format, content: Mapping[str, Any], about: Mapping[str, Any]) -> None:
    """Write the file whole. content: nested mappings; keys are text without a slash."""
    with hdf5.written(path, libver="latest") as file:
        file.attrs.update(format=np.bytes_(form["format"]), version=form["version"])
        file.attrs["digest"] = np.bytes_(_digest(content, about))
        file.attrs["about"] = np.bytes_(json.dumps(about))
        _fill(file.create_group("content"), content, {})


def read(path: str | os.PathLike, form: hdf5.Format) -> tuple[dict[str, Any], dict[str, Any]]:
    """The content and what it is about. Raises BadInput if the file is damaged, or not of this format and version."""
    with _opened(path, form) as file:
        content, about = _content(file["content"], {}), json.loads(file.attrs["about"])
        if file.attrs["digest"].decode() != _digest(content, about):
            raise ValueError("other content than was written")
        return content, about


def read_about(path: str | os.PathLike, form: hdf5.Format) -> dict[str, Any]:
    """What the content is about, without reading or checking it. Raises BadInput as `read` does."""
    with _opened(path, form) as file:
        return json.loads(file.attrs["about"])


@contextlib.contextmanager
def _opened(path: str | os.PathLike, form: hdf5.Format) -> Iterator[h5py.File]:
    """The open file. What HDF5 and JSON raise where the file is damaged becomes BadInput."""
    with hdf5.opened(path, form) as file:
        try:
            yield file
        except (OSError, RuntimeError, LookupError, ValueError, TypeError, AttributeError) as error:
            reason = " ".join(str(error).split())
            raise BadInput(f"{path}: damaged ({reason}); remove it and run again, or restore it") from None


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
            group.attrs[key] = np.bytes_(json.dumps(value))


def _content(group: h5py.Group, arrays: dict[int, np.ndarray]) -> dict[str, Any]:
    """The content of a group. arrays: those read so far, by their address in the file."""
    found: dict[str, Any] = {key: json.loads(value) for key, value in group.attrs.items()}
    for key, item in group.items():
        if isinstance(item, h5py.Group):
            found[key] = _content(item, arrays)
            continue
        address = h5py.h5o.get_info(item.id).addr
        if address not in arrays:
            arrays[address] = np.asarray(item[()])  # h5py reads an array without axes as a scalar
        found[key] = arrays[address]
    return found


def _digest(content: Mapping[str, Any], about: Mapping[str, Any]) -> str:
    """A hash of content and about, which does not depend on the order of keys."""
    hashes: dict[int, tuple[str, np.ndarray]] = {}  # by the id of an array, which is held so that no other gets it

    def summary(value: Any) -> Any:
        if isinstance(value, Mapping):
            return {key: summary(entry) for key, entry in value.items()}
        if not isinstance(value, np.ndarray):
            return value
        if id(value) not in hashes:
            digest = hashlib.sha256(f"{value.dtype.str} {value.shape}\n".encode())
            digest.update(np.ascontiguousarray(value).data)
            hashes[id(value)] = digest.hexdigest(), value
        return hashes[id(value)][0]

    return hashlib.sha256(json.dumps([summary(content), about], sort_keys=True).encode()).hexdigest()
