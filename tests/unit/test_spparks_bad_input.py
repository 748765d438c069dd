"""Every kind of unusable SPPARKS run folder is rejected with its reason."""

import shutil
import subprocess
import sys

import h5py
import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.dream3d import AVG_QUATS, DIMENSIONS, FEATURE_IDS, VOLUME
from graincast.raw.limits import MAX_SITES
from graincast.raw.spparks import read
from tests.unit.test_spparks import INITIAL, STATS, edit, flatten, replace, write_run


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def attribute(name, value):
    def change(run):
        with h5py.File(run / INITIAL, "a") as file:
            file.attrs[name] = value

    return change


def newer_version(run):
    """DREAM3D 7 stores DIMENSIONS elsewhere."""
    with h5py.File(run / INITIAL, "a") as file:
        file.move(DIMENSIONS, f"{VOLUME}/_SIMPL_GEOMETRY/DIMENSIONS")
        del file.attrs["FileVersion"]


def initial(name, change):
    return lambda run: edit(run / INITIAL, name, change)


def stats(name, change):
    return lambda run: edit(run / STATS, name, change)


def at(index, value):
    def change(data):
        data[index] = value
        return data

    return change


def move_one_site(sizes):
    sizes[0, 1:3] += (1, -1)
    return sizes


def below_zero(sizes):
    sizes[2, 1], sizes[2, 2] = -1, sizes[2, 1] + sizes[2, 2] + 1
    return sizes


def two_candidates(quaternions):
    quaternions[9] = quaternions[6]
    return quaternions


def cut_short(file, fraction):
    def change(run):
        content = (run / file).read_bytes()
        (run / file).write_bytes(content[: int(len(content) * fraction)])

    return change


TABLES = ("time", "grainsize")

BAD = {
    "no initial state": (lambda run: (run / INITIAL).unlink(), "no initial.dream3d"),
    "truncated initial state": (cut_short(INITIAL, 0.6), "cut short"),
    "truncated growth run": (cut_short(STATS, 0.6), "cut short"),
    "empty initial state": (cut_short(INITIAL, 0), "not an HDF5"),
    "empty growth run": (cut_short(STATS, 0), "not an HDF5"),
    "text instead of HDF5": (lambda run: (run / STATS).write_text("areas\n" * 1000), "not an HDF5"),
    "no FeatureIds": (lambda run: replace(run / INITIAL, FEATURE_IDS, None), "no dataset .*FeatureIds"),
    "no AvgQuats": (lambda run: replace(run / INITIAL, AVG_QUATS, None), "no dataset .*AvgQuats"),
    "no grainsize": (lambda run: replace(run / STATS, "grainsize", None), "no dataset grainsize"),
    "no time": (lambda run: replace(run / STATS, "time", None), "no dataset time"),
    "version 7": (attribute("FileVersion", np.bytes_("7.0")), "version '7.0', not 6; source dream3d reads others"),
    "version 6 and the end of a line": (attribute("FileVersion", "6\n"), "version '6.n', not 6"),
    "version 60": (attribute("FileVersion", "60.0"), "version '60.0', not 6"),
    "version as a number": (attribute("FileVersion", 7.0), "version '7.0', not 6; source dream3d reads others"),
    "DIMENSIONS elsewhere": (newer_version, "another DREAM3D version"),
    "DIMENSIONS of another image": (initial(DIMENSIONS, lambda d: d + 1), "DIMENSIONS"),
    "not square": (
        initial(FEATURE_IDS, lambda ids: ids[1:]),
        r"DIMENSIONS \[24, 24\] do not fit the FeatureIds of 23 x 24 sites",
    ),
    "three axes": (initial(FEATURE_IDS, lambda ids: np.stack([ids, ids])), "not a plane"),
    "fractional ids": (initial(FEATURE_IDS, lambda ids: ids * 1.0), "of type float64"),
    "id 0": (initial(FEATURE_IDS, at((0, 0), 0)), "id 0"),
    "id gap": (initial(FEATURE_IDS, lambda ids: np.where(ids == 3, 4, ids)), "id 3 has no site"),
    "id beyond the table": (initial(FEATURE_IDS, at((0, 0), 17)), r"not \[18, 4\]"),
    "enormous id": (initial(FEATURE_IDS, at((0, 0), 2**62)), "AvgQuats has shape"),
    "one quaternion less": (initial(AVG_QUATS, lambda q: q[:-1]), r"not \[17, 4\]"),
    "three components": (initial(AVG_QUATS, lambda q: q[:, :3]), "AvgQuats has shape"),
    "no candidate": (initial(AVG_QUATS, at(6, [2, 1, 0, 0])), "0 candidate"),
    "two candidates": (initial(AVG_QUATS, two_candidates), "2 candidate"),
    "no grain type": (initial(AVG_QUATS, at(3, 0)), "grain 3 matches no grain type"),
    "unknown grain type": (initial(AVG_QUATS, at(3, 0.5)), "grain 3 matches no grain type"),
    "quaternion far from the known": (initial(AVG_QUATS, at(3, [0.9, 0.4, 0.02, 0])), "grain 3 matches no grain type"),
    "quaternion with another order": (initial(AVG_QUATS, at(3, [0, 1, 0, 0])), "grain 3 matches no grain type"),
    "quaternion not finite": (initial(AVG_QUATS, at(3, [np.inf, 0, 0, 0])), "grain 3 matches no grain type"),
    "quaternion not a number": (initial(AVG_QUATS, at(3, np.nan)), "grain 3 matches no grain type"),
    "first record differs": (stats("grainsize", move_one_site), "not the initial state: grain 1 has"),
    "negative area": (stats("grainsize", below_zero), "negative"),
    "area beyond the image": (stats("grainsize", at((2, 6), 10**6)), "an area of 1000000"),
    "rows do not add up": (stats("grainsize", lambda s: np.maximum(s - (np.arange(5) == 3)[:, None], 0)), "record 3"),
    "column 0 in use": (stats("grainsize", at((2, 0), 1)), "column 0"),
    "one grain less": (stats("grainsize", lambda s: s[:, :-1]), "grainsize has shape"),
    "fractional areas": (stats("grainsize", lambda s: s * 1.0), "of type float64"),
    "empty grainsize": (lambda run: [stats(k, lambda d: d[:0])(run) for k in TABLES], "empty"),
    "one record": (lambda run: [stats(k, lambda d: d[:1])(run) for k in TABLES], "1 records"),
    "times do not ascend": (stats("time", lambda t: t[::-1]), "ascend"),
    "a time twice": (stats("time", at(2, 0.0)), "ascend"),
    "time not a number": (stats("time", at(-1, np.nan)), "ascend"),
    "time infinite": (stats("time", at(-1, np.inf)), "ascend"),
    "unsigned times descend": (stats("time", lambda t: np.arange(9, 4, -1).astype(np.uint64)), "ascend"),
    "short unsigned times descend": (stats("time", lambda t: np.arange(9, 4, -1).astype(np.uint8)), "ascend"),
    "times beyond 2^53": (stats("time", lambda t: np.uint64(2**53) + np.arange(5).astype(np.uint64)), "2.53"),
    "signed times beyond 2^53": (stats("time", lambda t: np.arange(5) - 2**53 - 2), "2.53"),
    "a record twice, areas differ": (stats("time", lambda t: t[[0, 1, 2, 2, 4]]), "ascend"),
    "the same record only": (
        lambda run: [stats(k, lambda d: d[[0, 0]])(run) for k in TABLES],
        "1 records",
    ),
    "one time less": (stats("time", lambda t: t[1:]), "4.* times, but 5"),
}


@pytest.mark.parametrize("case", BAD)
@pytest.mark.parametrize("form", ["nested", "flat"])
def test_bad_input_is_rejected_with_its_reason(run, case, form):
    change, reason = BAD[case]
    change(run)
    if form == "flat":
        if case == "no initial state":
            pytest.skip("the same")
        flatten(run)
    with pytest.raises(BadInput, match=reason):
        read(run, "a")


def test_the_bad_growth_run_is_named(tmp_path):
    folder = write_run(tmp_path / "run", runs=3)
    edit(folder / "spparks_results/run_2/stats.h5", "time", lambda t: -t)
    with pytest.raises(BadInput, match="growth run run_2: times"):
        read(folder, "a")


def test_a_group_in_place_of_a_dataset_is_rejected(run):
    replace(run / STATS, "time", None)
    with h5py.File(run / STATS, "a") as file:
        file.create_group("time")
    with pytest.raises(BadInput, match="no dataset time"):
        read(run, "a")


def link_to_another_file(file, name, other):
    file[name] = h5py.ExternalLink(str(other), name)


def soft_link_through_another_file(file, name, other):
    file["beyond"] = h5py.ExternalLink(str(other), "/")
    file[name] = h5py.SoftLink(f"/beyond/{name}")


def virtual(file, name, other):
    with h5py.File(other) as source:
        layout = h5py.VirtualLayout(source[name].shape, source[name].dtype)
        layout[...] = h5py.VirtualSource(source[name])
    file.create_virtual_dataset(name, layout)


def external_storage(file, name, other):
    with h5py.File(other) as source:
        data = source[name][()]
    data.tofile(other.with_suffix(".raw"))
    external = [(str(other.with_suffix(".raw")), 0, data.nbytes)]
    file.create_dataset(name, data.shape, data.dtype, external=external)


@pytest.mark.parametrize("redirect", [link_to_another_file, soft_link_through_another_file, virtual, external_storage])
@pytest.mark.parametrize(
    ("file", "name"),
    [(INITIAL, FEATURE_IDS), (INITIAL, AVG_QUATS), (INITIAL, DIMENSIONS), (STATS, "time"), (STATS, "grainsize")],
)
def test_values_in_another_file_are_refused(run, tmp_path, redirect, file, name):
    """The manifest has the hash of this file alone."""
    shutil.copy(run / file, tmp_path / "other.h5")
    with h5py.File(run / file, "a") as opened:
        del opened[name]
        redirect(opened, name, tmp_path / "other.h5")
    with pytest.raises(BadInput, match="another file"):
        read(run, "a")


def test_a_group_in_another_file_is_refused(run, tmp_path):
    shutil.copy(run / INITIAL, tmp_path / "other.h5")
    with h5py.File(run / INITIAL, "a") as file:
        del file[VOLUME]
        file[VOLUME] = h5py.ExternalLink(str(tmp_path / "other.h5"), VOLUME)
    with pytest.raises(BadInput, match="is a link to another file"):
        read(run, "a")


def test_links_within_the_file_are_followed_unless_they_form_a_loop(run):
    whole = read(run, "a")
    with h5py.File(run / STATS, "a") as file:
        file.move("time", "deep/er/time")
        file["er"] = h5py.SoftLink("deep/er")
        file["time"] = h5py.SoftLink("/er/time")
    np.testing.assert_array_equal(read(run, "a").times, whole.times)
    for target, reason in (("/er/nothing", "no dataset time"), ("time", "or one of a loop")):
        with h5py.File(run / STATS, "a") as file:
            del file["time"]
            file["time"] = h5py.SoftLink(target)
        with pytest.raises(BadInput, match=reason):
            read(run, "a")


@pytest.mark.parametrize("records", [10**6, 10**8, 10**11])
def test_a_dataset_that_claims_more_than_the_file_holds_is_refused(run, records):
    with h5py.File(run / STATS, "w") as file:
        file.create_dataset("time", (records,), "f8", chunks=(1000,))
        file.create_dataset("grainsize", (records, 17), "i4", chunks=(1000, 17))
    assert (run / STATS).stat().st_size < 5000
    with pytest.raises(BadInput, match=r"too large|too small"):
        read(run, "a")


def test_an_enormous_chunk_is_refused(run):
    with h5py.File(run / STATS, "a") as file:
        data = file["time"][()]
        del file["time"]
        chunks = (MAX_SITES + 1,)
        file.create_dataset("time", data=data, maxshape=(None,), chunks=chunks, compression="gzip", compression_opts=1)
    with pytest.raises(BadInput, match="too large"):
        read(run, "a")


def test_a_file_that_another_process_writes_is_read(run):
    whole = read(run, "a")
    script = "import h5py, sys; f = h5py.File(sys.argv[1], 'a'); print('open', flush=True); sys.stdin.read()"
    command = [sys.executable, "-c", script, str(run / STATS)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as writer:
        writer.stdout.readline()
        np.testing.assert_array_equal(read(run, "a").areas, whole.areas)
        writer.stdin.close()


@pytest.mark.parametrize("file", [INITIAL, STATS])
def test_a_file_cut_short_anywhere_is_rejected(run, file):
    content = (run / file).read_bytes()
    for fraction in np.random.default_rng(0).random(60):
        (run / file).write_bytes(content[: int(len(content) * fraction)])
        with pytest.raises(BadInput):
            read(run, "a")


def test_an_unreadable_file_is_not_bad_input(run, monkeypatch):
    """A failing disk or a missing permission is not the data's fault."""

    def refuse(*args, **kwargs):
        raise PermissionError(13, "denied")

    monkeypatch.setattr(h5py.h5f, "open", refuse)
    with pytest.raises(PermissionError):
        read(run, "a")
