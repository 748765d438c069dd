"""SPPARKS run folders: both layouts, round trips, the published sample."""

import shutil

import h5py
import numpy as np
import pytest

from graincast.graphs.boundaries import adjacency
from graincast.microstructure import BadInput
from graincast.raw.dream3d import AVG_QUATS, DIMENSIONS, FEATURE_IDS, QUATERNIONS, grain_types
from graincast.raw.sources import run_files, run_folders
from graincast.raw.spparks import read
from graincast.raw.spparks_writing import write_initial, write_stats

SIDE, ACROSS = 24, 4
INITIAL, STATS = "spparks_init/initial.dream3d", "spparks_results/run_1/stats.h5"


def state(seed=0):
    """Labels [SIDE, SIDE] with ids 1 … n, and grain types by id; grain 6 is the candidate."""
    rng = np.random.default_rng(seed)
    row, col = (np.indices((SIDE, SIDE)) + rng.integers(0, 2, (2, SIDE, SIDE))) % SIDE * ACROSS // SIDE
    types = rng.integers(1, 3, ACROSS**2 + 1)
    types[6] = 0
    return row * ACROSS + col + 1, types


def growth(labels, records, seed=0):
    """Ascending times, and areas by id that start from the labels and keep their sum."""
    rng = np.random.default_rng(seed)
    areas = [np.bincount(labels.ravel())]
    for _ in range(records - 1):
        moved = rng.multinomial(4, np.full(areas[0].size - 1, 1 / (areas[0].size - 1)))
        taken = np.minimum(areas[-1][1:], moved)
        after = areas[-1].copy()
        after[1:] -= taken
        after[6] += taken.sum()
        areas.append(after)
    return np.concatenate([[0.0], np.sort(rng.random(records - 1)) + 1]), np.array(areas)


def write_run(folder, runs=1, records=5, seed=0):
    labels, types = state(seed)
    write_initial(folder / INITIAL, labels, types, 0.2)
    for run in range(1, runs + 1):
        times, areas = growth(labels, records, run)
        write_stats(folder / "spparks_results" / f"run_{run}" / "stats.h5", times, areas)
    return folder


def flatten(folder):
    """Turn a nested folder with one growth run into the flat layout."""
    for file in (INITIAL, STATS):
        shutil.copy(folder / file, folder)
    shutil.rmtree(folder / "spparks_init")
    shutil.rmtree(folder / "spparks_results")


@pytest.fixture
def run(tmp_path):
    return write_run(tmp_path / "run")


def replace(path, name, data):
    with h5py.File(path, "a") as file:
        del file[name]
        if data is not None:
            file[name] = data


def edit(path, name, change):
    with h5py.File(path, "r") as file:
        data = file[name][()]
    replace(path, name, change(data))


def assert_equal(a, b):
    for key in (
        "labels",
        "grain_id",
        "grain_type",
        "candidate",
        "edges",
        "boundary_length",
        "degree",
        "times",
        "areas",
    ):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key), err_msg=key)


def test_a_written_run_is_read_back(tmp_path):
    m = read(write_run(tmp_path / "run", runs=12), "some/name")
    labels, types = state()
    assert m.name == "some/name"
    np.testing.assert_array_equal(m.labels, labels)
    np.testing.assert_array_equal(m.grain_type, types[1:])
    np.testing.assert_array_equal(m.grain_id, np.arange(1, 17))
    assert np.flatnonzero(m.candidate).tolist() == [5]
    edges, length = adjacency(labels, 16)
    np.testing.assert_array_equal(m.edges, edges)
    np.testing.assert_array_equal(m.boundary_length, length)
    np.testing.assert_array_equal(m.degree, np.bincount(edges[:, 0]))
    assert len(m.times) == len(m.areas) == 12
    for number, (read_times, read_areas) in enumerate(zip(m.times, m.areas, strict=True), 1):
        times, areas = growth(labels, 5, number)  # so run_2 comes before run_10
        np.testing.assert_array_equal(read_times, times)
        np.testing.assert_array_equal(read_areas, areas[:, 1:])
        assert (read_times.dtype, read_areas.dtype) == (np.float64, np.int32)
    dtypes = {"labels": "i4", "grain_id": "i4", "grain_type": "i1", "candidate": "?", "degree": "i4"}
    assert {key: getattr(m, key).dtype for key in dtypes} == {key: np.dtype(code) for key, code in dtypes.items()}


def test_a_record_that_repeats_the_one_before_is_dropped(run):
    whole = read(run, "a")
    for name in ("time", "grainsize"):  # a second `run` in the script of SPPARKS
        edit(run / STATS, name, lambda data: data[[0, 1, 1, 2, 3, 4, 4, 4]])
    assert_equal(read(run, "a"), whole)


def test_rounded_scaled_and_opposite_quaternions_are_the_same_orientation(run):
    types = read(run, "a").grain_type
    rng = np.random.default_rng(0)
    for change in (
        lambda q: q + 1e-9,
        lambda q: q - 1e-6,
        lambda q: -q,
        lambda q: 3 * q,
        lambda q: q.astype(np.float32),
    ):
        edit(run / INITIAL, AVG_QUATS, change)
        np.testing.assert_array_equal(read(run, "a").grain_type, types)
    rng = np.random.default_rng(0)
    turned = np.repeat(QUATERNIONS, 99, axis=0) * rng.choice([-1, 1], (297, 1)) + rng.normal(0, 1e-5, (297, 4))
    assert grain_types(turned).tolist() == np.repeat([0, 1, 2], 99).tolist()


def test_growth_runs_are_named_after_their_folders(tmp_path):
    folder = write_run(tmp_path / "run", runs=11)
    assert read(folder, "a").runs == [str(number) for number in range(1, 12)]
    results = folder / "spparks_results"
    (results / "run_2").rename(results / "hot")
    (results / "run_3").rename(results / "run-3")
    shutil.rmtree(results / "run_4")
    assert read(folder, "a").runs == ["hot", "3", "1", "5", "6", "7", "8", "9", "10", "11"]
    (results / "hot").rename(results / "3")  # beside run-3
    assert read(folder, "a").runs[:2] == ["3", "run-3"]
    flat = write_run(tmp_path / "spparks_results" / "run_15")
    flatten(flat)
    assert read(flat, "a").runs == ["1"]


@pytest.mark.parametrize("where", ["stats", "growth run", "results", "initial", "spparks_init"])
def test_a_run_with_a_broken_link_is_rejected(tmp_path, where):
    folder = write_run(tmp_path / "runs" / "run", runs=2)
    results = folder / "spparks_results"
    broken = {
        "stats": results / "run_2" / "stats.h5",
        "growth run": results / "run_2",
        "results": results,
        "initial": folder / INITIAL,
        "spparks_init": (folder / INITIAL).parent,
    }[where]
    broken.rename(tmp_path / "elsewhere")
    broken.symlink_to(tmp_path / "absent")
    assert run_folders(tmp_path / "runs") == [folder]
    with pytest.raises(BadInput, match="a symbolic link that leads nowhere; fetch the file"):
        read(folder, "a")


def test_a_flat_folder_reads_like_a_nested_one(run):
    nested = read(run, "a")
    flatten(run)
    assert [file.name for file in run_files(run)] == ["initial.dream3d", "stats.h5"]
    assert_equal(read(run, "a"), nested)


def test_a_raw_dump_of_spparks_with_four_axes_is_read(run):
    as_written = read(run, "a")
    edit(run / INITIAL, FEATURE_IDS, lambda ids: ids.astype(np.int32)[:, :, None, None])
    replace(run / INITIAL, DIMENSIONS, np.array([SIDE, SIDE, 1]))
    assert_equal(read(run, "a"), as_written)


@pytest.mark.parametrize("chunks", [None, (2, 5), (1, 1), (3, 7), (2000, 17)])
@pytest.mark.parametrize("filters", [{}, {"compression": "gzip"}, {"shuffle": True}])
def test_chunks_and_filters_do_not_matter(tmp_path, chunks, filters):
    folder = write_run(tmp_path / "run", records=1000)
    plain = read(folder, "a")
    with h5py.File(folder / STATS, "a") as file:
        data = file["grainsize"][()]
        del file["grainsize"]
        maxshape = (None, None) if chunks else None
        file.create_dataset("grainsize", data=data, chunks=chunks, maxshape=maxshape, **filters)
    assert_equal(read(folder, "a"), plain)


def test_records_never_written_are_rejected(run):
    """A killed simulation leaves chunks that were never written; they read as zeros."""
    with h5py.File(run / STATS, "a") as file:
        data, times = file["grainsize"][()], np.arange(5000.0)
        del file["grainsize"], file["time"]
        file.create_dataset("grainsize", (5000, 17), "i4", chunks=(2, 5))[:5] = data
        file["time"] = times
    with pytest.raises(BadInput, match="record 5 add up to 0"):
        read(run, "a")


def test_repeated_writing_gives_the_same_bytes(tmp_path):
    first, second = write_run(tmp_path / "a"), write_run(tmp_path / "b")
    for file in (INITIAL, STATS):
        assert (first / file).read_bytes() == (second / file).read_bytes()
    assert not [path for path in tmp_path.rglob("*") if "partial" in path.name]


def test_writers_refuse_what_does_not_fit(tmp_path):
    labels, types = state()
    for wrong in ((labels - 1, types), (labels, types[1:]), (labels.ravel(), types)):
        with pytest.raises(ValueError, match="labels must be an image of ids"):
            write_initial(tmp_path / "a", *wrong, 0.2)
    times, areas = growth(labels, 3)
    for wrong in ((times, areas[:, 1:]), (times[1:], areas), (times, areas[0])):
        with pytest.raises(ValueError, match="do not match areas"):
            write_stats(tmp_path / "a", *wrong)
    assert not list(tmp_path.iterdir())


def test_run_folders_are_found_below_links_and_without_partial_ones(tmp_path):
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "root"
    for name in ("run-2", "run-10", "deep/er/run"):
        write_run(root / name)
    flatten(write_run(root / "flat"))
    write_run(elsewhere / "x")
    (root / "link").symlink_to(elsewhere, target_is_directory=True)
    (elsewhere / "back").symlink_to(root, target_is_directory=True)
    write_run(root / ".run.1.partial")
    (root / "no run" / "logs").mkdir(parents=True)
    (root / "half" / "spparks_init").mkdir(parents=True)
    shutil.copy(root / "run-2" / INITIAL, root / "half" / "spparks_init")
    published = root / "master" / "spparks_results" / "run_15"  # flat folders below one spparks_results
    write_run(published)
    flatten(published)
    names = ["deep/er/run", "flat", "half", "link/x", "master/spparks_results/run_15", "run-10", "run-2"]
    assert [x.relative_to(root).as_posix() for x in run_folders(root)] == names
    assert run_folders(root / "flat") == [root / "flat"]
    assert run_folders(root / "run-2") == [root / "run-2"]
    with pytest.raises(FileNotFoundError):
        run_folders(root / "absent")


def test_the_published_sample_is_read_and_written_exactly(raw_data, tmp_path):
    (folder,) = run_folders(raw_data / "spparks-sample-run")
    m = read(folder, "sample")
    assert m.labels.shape == (256, 256)
    assert np.bincount(m.grain_type).tolist() == [1, 88, 16]
    assert m.grain_id[m.candidate].tolist() == [35]
    assert [x.shape for x in m.areas] == [(1001, 105)]
    assert m.areas[0][[0, -1], 34].tolist() == [1918, 4096]
    assert (m.areas[0][-1] > 0).sum() == 26
    assert m.times[0][-1] == 2_000_000

    write_initial(tmp_path / "initial.dream3d", m.labels, np.pad(m.grain_type, (1, 0)), 0.2)
    write_stats(tmp_path / "stats.h5", m.times[0], np.pad(m.areas[0], ((0, 0), (1, 0))))
    assert_equal(read(tmp_path, "sample"), m)
    for file in run_files(folder):
        with h5py.File(file) as theirs, h5py.File(tmp_path / file.name) as ours:
            assert_same_content(ours, theirs)


def assert_same_content(ours, theirs):
    """The same groups, datasets, attributes, types and values."""
    names = [[], []]
    ours.visit(names[0].append)
    theirs.visit(names[1].append)
    assert names[0] == names[1]
    assert list(ours.attrs) == list(theirs.attrs)
    for key in ours.attrs:
        assert ours.attrs.get_id(key).get_type().equal(theirs.attrs.get_id(key).get_type())
        assert ours.attrs[key] == theirs.attrs[key]
    for name in names[0]:
        if isinstance(theirs[name], h5py.Dataset):
            assert ours[name].id.get_type().equal(theirs[name].id.get_type())
            np.testing.assert_array_equal(ours[name], theirs[name])


def test_published_runs_have_five_growth_runs_each(raw_data):
    folders = run_folders(raw_data / "spparks-runs")
    if not folders:
        pytest.skip(f"no run folders in {raw_data}")
    for folder in folders:
        m = read(folder, folder.name)
        assert len(m.areas) == 5
        assert m.candidate.sum() == 1
        assert m.areas[0].shape == (21, m.grain_id.size)
