"""Files of nested mappings: everything comes back, shared arrays are stored once, and damage is found."""

import json
import re

import numpy as np
import pytest

from graincast.files import hdf5, nested
from graincast.microstructure import BadInput
from tests.unit.model_suite import assert_same

THINGS: hdf5.Format = {"format": "things", "version": 1}
CONTENT = {
    "empty": {},
    "plain": {"none": None, "yes": True, "count": 3, "half": 0.5, "text": "Veličković\n", "list": [1, "a", [None]]},
    "arrays": {
        "float": np.linspace(0, 1, 7),
        "single": np.arange(6, dtype=np.float32).reshape(2, 3),
        "bool": np.array([True, False]),
        "int": np.array([-1, 2**40]),
        "none": np.zeros((0, 4), np.int32),
        "no axes": np.array(5, np.int64),
        "not a number": np.array([np.nan, -np.inf]),
        "long": np.arange(3000.0),
        "transposed": np.arange(6.0).reshape(2, 3).T,
    },
}
ABOUT = {"name": "a thing", "numbers": [1, 2]}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "things.h5"


def test_everything_comes_back(path):
    nested.write(path, THINGS, CONTENT, ABOUT)
    content, about = nested.read(path, THINGS)
    assert_same(content, CONTENT)
    assert about == nested.read_about(path, THINGS) == ABOUT


def test_equal_content_gives_equal_bytes(path, tmp_path):
    nested.write(path, THINGS, CONTENT, ABOUT)
    nested.write(tmp_path / "again.h5", THINGS, CONTENT, ABOUT)
    assert path.read_bytes() == (tmp_path / "again.h5").read_bytes()


def test_a_shared_array_is_stored_and_read_once(path, tmp_path):
    noise = np.random.default_rng(0).random(20_000)
    models = {f"model {i}": {"fold": {"shared": noise, "half": noise[:10_000]}} for i in range(10)}
    nested.write(path, THINGS, models, {})
    nested.write(tmp_path / "single.h5", THINGS, {"model 0": models["model 0"]}, {})
    assert path.stat().st_size < 1.1 * (tmp_path / "single.h5").stat().st_size
    content, _ = nested.read(path, THINGS)
    assert_same(content, models)
    for key in ("shared", "half"):
        assert len({id(model["fold"][key]) for model in content.values()}) == 1


def test_equal_arrays_at_different_places_may_differ_in_shape(path):
    rows = np.arange(6.0)
    nested.write(path, THINGS, {"flat": rows, "table": rows.reshape(2, 3), "reversed": rows[::-1]}, {})
    content, _ = nested.read(path, THINGS)
    assert_same(content, {"flat": rows, "table": rows.reshape(2, 3), "reversed": rows[::-1]})


def test_temporary_arrays_are_not_taken_for_each_other(path):
    class Temporary(dict):
        """Makes each array when asked for it, so that one may get the address of another."""

        def items(self):
            return ((str(i), np.full(50, float(i))) for i in range(20))

    nested.write(path, THINGS, Temporary(), {})
    content, _ = nested.read(path, THINGS)
    assert [content[str(i)][0] for i in range(20)] == list(range(20))


@pytest.mark.parametrize("read", [nested.read, nested.read_about])
def test_other_files_are_refused(path, read):
    path.write_text(json.dumps(CONTENT["plain"]))
    with pytest.raises(BadInput, match=f"^{re.escape(str(path))}: not an HDF5 file, or cut short$"):
        read(path, THINGS)
    nested.write(path, THINGS, CONTENT, ABOUT)
    with pytest.raises(BadInput, match="not a file of things, version 2; remove it"):
        read(path, {**THINGS, "version": 2})
    with pytest.raises(FileNotFoundError):
        read(path.with_name("none.h5"), THINGS)


def test_a_damaged_file_is_refused_or_reads_as_written(path):
    """Every 17th byte inverted in turn, and the file cut at some places."""
    nested.write(path, THINGS, CONTENT, ABOUT)
    whole = path.read_bytes()
    damaged = [whole[:at] + bytes([whole[at] ^ 0xFF]) + whole[at + 1 :] for at in range(0, len(whole), 17)]
    refused = 0
    for content in [*damaged, *(whole[:at] for at in range(0, len(whole), 997))]:
        path.write_bytes(content)
        try:
            found, about = nested.read(path, THINGS)
        except BadInput as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
            refused += 1
        else:
            assert_same(found, CONTENT)
            assert about == ABOUT
    assert refused > len(damaged) / 2
