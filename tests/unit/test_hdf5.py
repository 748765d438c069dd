"""HDF5 files: the same bytes each time, nothing left of a failed one, and files of other kinds."""

import re
import time

import h5py
import numpy as np
import pytest

from graincast.files import hdf5
from graincast.microstructure import BadInput

THINGS: hdf5.Format = {"format": "things", "version": 1}


def test_a_written_file_can_be_read_and_has_the_same_bytes_each_time(tmp_path):
    for name in ("a", "b"):
        with hdf5.written(tmp_path / "new" / name) as file:
            file["x"] = np.arange(1000)
            file.attrs.update(format="things", version=1)
    assert (tmp_path / "new" / "a").read_bytes() == (tmp_path / "new" / "b").read_bytes()
    with h5py.File(tmp_path / "new" / "a") as file:
        np.testing.assert_array_equal(file["x"][:], np.arange(1000))
    with hdf5.opened(tmp_path / "new" / "a", THINGS) as file:
        assert list(file) == ["x"]


def test_a_streamed_file_has_the_same_bytes_each_time(tmp_path):
    for name in ("a", "b"):
        with hdf5.streamed(tmp_path / name) as out:
            out.put("x", (3000,), np.float64, [np.arange(1000.0)] * 3)
            out.file["small"] = np.arange(3)
        time.sleep(1.1)  # HDF5 would note times in seconds
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_nothing_is_left_of_a_file_that_fails_while_being_written(tmp_path):
    with pytest.raises(KeyError), hdf5.written(tmp_path / "x.h5") as file:
        file["x"] = file["y"]
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_kind_or_cut_short_is_named(tmp_path):
    path = tmp_path / "x.h5"
    with hdf5.written(path) as file:
        file["x"] = np.arange(1000)
    start = f"^{re.escape(str(path))}: not "
    with pytest.raises(BadInput, match=f"{start}a file of things, version 1; re"), hdf5.opened(path, THINGS):
        pass
    for content in (path.read_bytes()[:3000], b"text", b""):
        path.write_bytes(content)
        with pytest.raises(BadInput, match=f"{start}an HDF5 file, or cut short$"), hdf5.opened(path):
            pass
    with pytest.raises(FileNotFoundError), hdf5.opened(tmp_path / "none.h5"):
        pass
