"""Damaged input is read, or rejected in one clear line; no reader raises anything else.

Each reader gets hundreds of mutations of good files, the same in every run. GRAINCAST_FUZZ multiplies their number
(`make fuzz`).
"""

import contextlib
import json
import os
import random
import shutil
from collections import Counter

import h5py
import numpy as np
import pytest
from PIL import Image
from scipy.spatial.transform import Rotation

from graincast.experiment import splits
from graincast.microstructure import BadInput
from graincast.raw import deepspparks, ebsd, label_image, spparks, spparks_dump
from graincast.raw import dream3d_map as dream3d_map_reader
from graincast.raw.dream3d import AVG_QUATS, DIMENSIONS, FEATURE_IDS
from graincast.raw.raw_hdf5 import datasets
from graincast.vision import images
from tests import ebsd_files
from tests.dream3d_files import write_map
from tests.dumps import frame, site_file
from tests.maps import made_labels
from tests.unit.test_deepspparks import graph, old_graph
from tests.unit.test_deepspparks_bad_input import damage
from tests.unit.test_spparks import INITIAL, STATS, edit, write_run

TIMES = int(os.environ.get("GRAINCAST_FUZZ", "1"))
COUNT = 200 * TIMES
DATASETS = [*((INITIAL, name) for name in (FEATURE_IDS, AVG_QUATS, DIMENSIONS)), (STATS, "time"), (STATS, "grainsize")]
LONGEST = 500  # characters of a reason


def damaged(content: bytes, rng: random.Random) -> bytes:
    """A file's content with up to four bits flipped, a part lost, overwritten, doubled or inserted, or cut short."""
    at, length = rng.randrange(len(content)), rng.choice([1, 2, 8, 64])
    kind = rng.randrange(6)
    if kind == 0:
        return content[:at]
    if kind == 1:
        return content[:at] + rng.randbytes(length) + content[at:]
    if kind == 2:
        return content[:at] + content[at + length :]
    if kind == 3:
        return content[:at] + rng.choice([b"\0", b"\xff", b"\x7f"]) * length + content[at + length :]
    if kind == 4:
        return content[: at + length] + content[at:]
    changed = bytearray(content)
    for _ in range(rng.randrange(1, 5)):
        changed[rng.randrange(len(content))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def try_all(name, attempts, refusal=BadInput):
    """Run each attempt; count those rejected and accepted. Any other error ends the test, naming the attempt."""
    counts = Counter()
    for number, attempt in enumerate(attempts):
        try:
            attempt()
            counts["accepted"] += 1
        except refusal as error:
            reason = str(error)
            assert reason and "\n" not in reason and len(reason) < LONGEST, f"{name} {number}: {reason!r}"
            counts["rejected"] += 1
        except Exception as error:
            raise AssertionError(f"{name}: mutation {number}: {type(error).__name__}: {error}") from error
    tried = counts.total()
    print(f"\n{name}: {tried} tried, {counts['rejected']} rejected clearly, {counts['accepted']} accepted")
    assert counts["rejected"] > tried / 10
    return counts


def of_bytes(path, read, rng, count):
    """Attempts to read a file whose bytes are damaged."""
    content = path.read_bytes()
    for _ in range(count):
        path.write_bytes(damaged(content, rng))
        yield read
    path.write_bytes(content)


@pytest.mark.parametrize("form", ["new", "old"])
def test_damaged_bytes_of_a_json_graph(tmp_path, form):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph() if form == "new" else old_graph()))
    rng = random.Random(1)
    try_all(f"JSON bytes, {form}", of_bytes(path, lambda: deepspparks.read(path, "a"), rng, 2 * COUNT))


@pytest.mark.parametrize("form", ["new", "old"])
def test_swapped_values_of_a_json_graph(form):
    rng, source = random.Random(2), json.dumps(graph() if form == "new" else old_graph())

    def attempts():
        for _ in range(2 * COUNT):
            document = json.loads(source)
            for _ in range(rng.randrange(1, 3)):
                damage(document, rng)
            yield lambda document=document: deepspparks.parse(document, "a")

    try_all(f"JSON values, {form}", attempts())


@pytest.mark.parametrize("chunks", [None, (2, 5)])
@pytest.mark.parametrize("file", [INITIAL, STATS])
def test_damaged_bytes_of_a_run_folder(tmp_path, file, chunks):
    run = write_run(tmp_path / "run", records=200)
    if chunks:
        chunk(run / STATS, chunks)
    rng = random.Random(3)
    attempts = of_bytes(run / file, lambda: spparks.read(run, "a"), rng, COUNT // 2)
    try_all(f"HDF5 bytes, {file.rpartition('/')[2]}, chunks {chunks}", attempts)


@pytest.mark.parametrize("number", [1, 2])
def test_damaged_bytes_of_a_real_growth_run(raw_data, tmp_path, number):
    """SPPARKS itself writes chunks of 2 x 5 values."""
    source = raw_data / "spparks-runs" / f"run-{number:06d}"
    for file in (INITIAL, STATS):
        (tmp_path / file).parent.mkdir(parents=True)
        shutil.copy(source / file, tmp_path / file)
    attempts = of_bytes(tmp_path / STATS, lambda: spparks.read(tmp_path, "a"), random.Random(number), COUNT // 2)
    try_all(f"HDF5 bytes of real run {number}", attempts)


def chunk(path, chunks):
    """Rewrite grainsize in chunks, as SPPARKS does."""
    with h5py.File(path, "a") as file:
        sizes = file["grainsize"][()]
        del file["grainsize"]
        file.create_dataset("grainsize", data=sizes, chunks=chunks, maxshape=(None, None))


def test_edited_datasets_of_a_run_folder(tmp_path):
    whole, run, rng = write_run(tmp_path / "whole"), tmp_path / "run", random.Random(4)

    def attempts():
        for _ in range(COUNT):
            shutil.rmtree(run, ignore_errors=True)
            shutil.copytree(whole, run)
            for _ in range(rng.randrange(1, 3)):
                file, name = rng.choice(DATASETS)
                with contextlib.suppress(Exception):  # what one edit has removed, the next cannot edit
                    rng.choice(EDITS)(run / file, name, rng)
            yield lambda: spparks.read(run, "a")

    try_all("HDF5 edits", attempts())


def change_value(path, name, rng):
    """One value becomes a strange one of the same type."""

    def change(data):
        strange = [0, 1, -1, 2**31, 2**53 + 1, 2**63 - 1, 2**64 - 1, 1e-9, 1e300, np.nan, np.inf]
        flat = data.reshape(-1)
        if flat.size and data.dtype.kind in "fiu":
            with np.errstate(all="ignore"):
                value = rng.choice(strange if data.dtype.kind == "f" else strange[:7])
                flat[rng.randrange(flat.size)] = np.array(value).astype(data.dtype)
        return data

    edited(path, name, change)


def change_type(path, name, rng):
    kind = rng.choice(["u1", "i2", "u4", ">i4", "u8", "i8", "f2", "f4", ">f8", "g", "?", "c8", "S3"])
    with np.errstate(all="ignore"):
        edited(path, name, lambda data: data.astype(kind))


def change_shape(path, name, rng):
    shapes = [
        lambda data: data[..., None],
        lambda data: data[:0],
        lambda data: data[:1],
        lambda data: data[1:],
        lambda data: data.T,
        lambda data: data.reshape(-1),
        lambda data: np.concatenate([data, data]),
        lambda data: data.reshape(-1)[0] if data.size else data,
        lambda data: np.pad(data, 1),
    ]
    edited(path, name, rng.choice(shapes))


def edited(path, name, change):
    """Edit a dataset, if an earlier edit has left one."""
    with h5py.File(path) as file:
        there = isinstance(file.get(name), h5py.Dataset) and file[name].shape is not None
    if there:
        edit(path, name, change)


def change_object(path, name, rng):
    """A dataset, or the group that holds it, becomes something else."""
    name = name[: rng.choice([i for i, letter in enumerate(f"{name}/") if letter == "/"])]
    with h5py.File(path, "a") as file:
        if file.get(name, getlink=True) is not None:
            del file[name]
        kind = rng.randrange(9)
        if kind == 1:
            file.create_group(name)
        elif kind == 2:
            file[name] = h5py.SoftLink(rng.choice(["/", name, f"/{name}", "nowhere", "/time", ".", ""]) or "/")
        elif kind == 3:
            file[name] = h5py.ExternalLink("other.h5", name)
        elif kind == 4:
            file[name] = np.dtype("i4")
        elif kind == 5:
            file[name] = h5py.Empty("i4")
        elif kind == 6:
            shape = rng.choice([(10**8, 17), (10**11, 17), (5, 10**10), (2**13, 2**13 + 1), (10**18,)])
            file.create_dataset(name, shape, "i4", chunks=tuple(min(size, 64) for size in shape))
        elif kind == 7:
            file.create_dataset(name, (5, 17), "i4", external=[("/dev/zero", 0, h5py.h5f.UNLIMITED)])
        elif kind == 8:
            layout = h5py.VirtualLayout((5,), "f8")
            layout[:] = h5py.VirtualSource("other.h5", "time", (5,))
            file.create_virtual_dataset(name, layout)


def change_attribute(path, name, rng):
    values = [7, 6.0, "6", "6\n", "6.", np.bytes_("6.0"), "60", "", np.arange(9), h5py.Empty("S1"), "6.5.1"]
    with h5py.File(path, "a") as file:
        file.attrs["FileVersion"] = rng.choice(values)


EDITS = [change_value, change_value, change_type, change_shape, change_object, change_attribute]


STATE = np.arange(1, 13).repeat(4).reshape(6, 8)
DUMPS = {
    "dump": frame(STATE, flags="pp ff pp") + frame(STATE, 10) + frame(np.maximum(STATE, 3), 20),
    "dump without coordinates": frame(STATE, columns=("type", "id")) + frame(np.maximum(STATE, 3), 20),
    "three dimensions": frame(STATE.reshape(3, 4, 4)) + frame(STATE.reshape(3, 4, 4), 10),
    "site file": site_file(STATE),
    "site file with coordinates": site_file(STATE, coordinates=True, columns="id site d1"),
}


@pytest.mark.parametrize("form", DUMPS)
@pytest.mark.parametrize("grains", ["spins", "clusters"])
def test_damaged_bytes_of_a_spparks_dump(tmp_path, form, grains):
    path = tmp_path / "a.dump"
    path.write_text(DUMPS[form])
    chosen = {"axis": "z", "index": 0} if form.startswith("three") else None

    def read():
        return spparks_dump.read(path, "a", grains=grains, slice=chosen)

    try_all(f"{form}, {grains}", of_bytes(path, read, random.Random(7), COUNT))


@pytest.mark.parametrize("form", DUMPS)
def test_damaged_lines_of_a_spparks_dump(tmp_path, form):
    """Lines lost, doubled, swapped, cut, and numbers that became other numbers."""
    path, rng, lines = tmp_path / "a.dump", random.Random(8), DUMPS[form].splitlines()
    strange = ["0", "-1", "nan", "inf", "1e308", "-1e-308", "9" * 30, "1.5", "0x10", "", "ITEM:", "1_0", "Values", "#"]

    def attempts():
        for _ in range(COUNT):
            edited = [*lines]
            for _ in range(rng.randrange(1, 3)):
                at, kind = rng.randrange(len(edited)), rng.randrange(4)
                words = edited[at].split() or [""]
                words[rng.randrange(len(words))] = rng.choice(strange)
                edited[at : at + 1] = [[], [edited[at]] * 2, [" ".join(words)], [edited[rng.randrange(len(edited))]]][
                    kind
                ]
            path.write_text("\n".join(edited) + "\n")
            yield lambda: spparks_dump.read(path, "a", slice={"axis": "z", "index": 0} if "three" in form else None)

    try_all(f"lines of {form}", attempts())


@pytest.mark.parametrize("suffix", ["bmp", "png", "jpg", "tif"])
def test_damaged_bytes_of_an_image(tmp_path, suffix):
    path = tmp_path / f"Cr_1.{suffix}"
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (20, 20), np.uint8)).save(path)
    rng = random.Random(5)
    try_all(f"image bytes, {suffix}", of_bytes(path, lambda: images.from_file(path, 16), rng, COUNT))


@pytest.mark.parametrize("suffix", ["ang", "ctf", "cpr", "crc"])
def test_damaged_bytes_of_an_ebsd_map(tmp_path, suffix):
    pytest.importorskip("defdap", reason="DefDAP is not installed")
    labels = made_labels(12, 14, 5)
    quaternion = Rotation.random(5, random_state=np.random.default_rng(0)).as_quat()[labels - 1]
    path = tmp_path / f"a.{'cpr' if suffix == 'crc' else suffix}"
    writer = {".ang": ebsd_files.write_ang, ".ctf": ebsd_files.write_ctf, ".cpr": ebsd_files.write_cpr}[path.suffix]
    writer(path, quaternion, 1 + labels % 2, (ebsd_files.CUBIC, ebsd_files.HEXAGONAL))
    attempts = of_bytes(tmp_path / f"a.{suffix}", lambda: ebsd.read(path, "a"), random.Random(9), COUNT)
    try_all(f"EBSD bytes, {suffix}", attempts)


def dream3d_map(path, version, segmented):
    """Write a map, with grain ids or without; the paths of its arrays."""
    labels = made_labels()[None]
    euler = np.random.default_rng(0).uniform(0, 3, (labels.max() + 1, 3))
    sites = {"EulerAngles": euler[labels]} if segmented else {"FeatureIds": labels[..., None]}
    grains = {} if segmented else {"AvgEulerAngles": euler, "Phases": np.ones((len(euler), 1), int)}
    write_map(path, version, sites, grains, structures=(999, 1))
    with h5py.File(path) as file:
        return datasets(file)


@pytest.mark.parametrize("segmented", [False, True])
@pytest.mark.parametrize("version", [6, 7, 8])
def test_damaged_dream3d_maps(tmp_path, version, segmented):
    path, rng = tmp_path / "a.dream3d", random.Random(8)
    arrays = dream3d_map(path, version, segmented)
    attempts = of_bytes(path, lambda: dream3d_map_reader.read(path, "a"), rng, COUNT // 4)
    content = path.read_bytes()

    def edits():
        yield from attempts
        for _ in range(COUNT // 4):
            path.write_bytes(content)
            for _ in range(rng.randrange(1, 3)):
                with contextlib.suppress(Exception):
                    rng.choice(EDITS)(path, rng.choice(arrays), rng)
            yield lambda: dream3d_map_reader.read(path, "a")

    try_all(f"DREAM.3D version {version}, {'orientations' if segmented else 'grain ids'}", edits())


@pytest.mark.parametrize("suffix", ["npy", "h5", "png", "tif", "csv"])
def test_damaged_bytes_of_a_label_image(tmp_path, suffix):
    labels, image = made_labels().astype(np.uint16), tmp_path / f"a.{suffix.replace('csv', 'npy')}"
    if suffix == "h5":
        with h5py.File(image, "w") as file:
            file["labels"] = labels
    elif suffix in ("png", "tif"):
        Image.fromarray(labels).save(image)
    else:
        np.save(image, labels)
    if suffix == "csv":
        rows = [f"{i},1,m-3m,{10 * i},20,30,{i / 2},grain {i}\n" for i in range(1, labels.max() + 1)]
        image.with_suffix(".csv").write_text("grain,phase,laue,euler_1,euler_2,euler_3,size,name\n" + "".join(rows))
    attempts = of_bytes(tmp_path / f"a.{suffix}", lambda: label_image.read(image, "a"), random.Random(7), COUNT)
    try_all(f"label image bytes, {suffix}", attempts)


def test_damaged_bytes_of_a_split_table(tmp_path):
    path = tmp_path / "split.csv"
    path.write_text("microstructure,split\n" + "".join(f"run-{i},{splits.SUBSETS[i % 3]}\n" for i in range(9)))
    attempts = of_bytes(path, lambda: splits.read_table(path), random.Random(6), COUNT)
    try_all("split table", attempts, refusal=ValueError)
