"""SPPARKS's text dumps and site files give the state that was written, whatever their columns and order."""

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.manifest import run_name
from graincast.raw.sources import dump_files, dump_runs
from graincast.raw.spparks_dump import read
from tests.dumps import dump, frame, site_file

RNG = np.random.default_rng(3)
SPINS = RNG.permutation(60)[np.arange(14)[:, None] // 5 * 4 + np.arange(20) // 5] + 1
"""A state of 14 x 20 sites: blocks of 5 x 5, each of a spin of its own."""


def replaced(spin, other):
    """The state with another spin in one grain."""
    return np.where(spin == SPINS, other, SPINS)


def spins_of(microstructure):
    return np.concatenate([[0], microstructure.grain_id])[microstructure.labels]


@pytest.mark.parametrize("columns", ["id type x y z", "y site x id", "i1 z x energy y", "d2 id i1", "x y type"])
@pytest.mark.parametrize("shuffled", [False, True])
@pytest.mark.parametrize("distance", [1, 0.4, 3])
def test_columns_and_sites_in_any_order(tmp_path, columns, shuffled, distance):
    order = RNG.permutation(SPINS.size) if shuffled else None
    path = dump(tmp_path / "a.dump", [SPINS], columns=columns.split(), order=order, distance=distance)
    found = read(path, "a")
    np.testing.assert_array_equal(spins_of(found), SPINS)
    assert (found.name, found.group, found.runs, found.note) == ("a", "a", [], "")
    assert found.periodic == (True, True)


def test_later_frames_are_areas_over_time(tmp_path):
    grown = replaced(SPINS[0, 0], SPINS[7, 7])
    path = dump(tmp_path / "a.dump", [SPINS, grown], columns=["type", "id"], order=RNG.permutation(SPINS.size))
    found = read(path, "a")
    assert found.runs == ["1"]
    np.testing.assert_array_equal(found.times[0], [0, 10])
    for record, state in zip(found.areas[0], (SPINS, grown), strict=True):
        np.testing.assert_array_equal(record, [(state == spin).sum() for spin in found.grain_id])


def test_sites_of_a_spin_that_no_grain_had_belong_to_none(tmp_path):
    noisy = SPINS.copy()
    noisy[3, 3:6] = 999
    found = read(dump(tmp_path / "a.dump", [SPINS, noisy]), "a")
    assert found.areas[0].sum(axis=1).tolist() == [SPINS.size, SPINS.size - 3]


def test_frames_before_the_start_are_left_out(tmp_path):
    noise = RNG.integers(1, 9, SPINS.shape)
    path = dump(tmp_path / "a.dump", [noise, SPINS, SPINS, SPINS * 2])
    with pytest.raises(BadInput, match="of 8 spins of the initial state lie in several clusters"):
        read(path, "a")
    found = read(path, "a", start=10)
    np.testing.assert_array_equal(spins_of(found), SPINS)
    assert found.times[0].tolist() == [10, 20, 30]
    with pytest.raises(BadInput, match="no frame at or after start: 31 MCS"):
        read(path, "a", start=31)


def test_numbered_files_of_a_folder_are_the_frames_of_one_run(tmp_path):
    states = [SPINS, *(replaced(SPINS.max(), 5) for _ in range(10))]
    whole = read(dump(tmp_path / "whole.dump", states), "a")
    for number, state in enumerate(states):
        folder = tmp_path / "data/run"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"dump.potts.{number}").write_text(frame(state, 10 * number))
    (folder / ".dump.potts.11").write_text("hidden")
    (folder / "final.dump").write_text(frame(SPINS))
    runs = dump_runs(tmp_path / "data")
    assert [run_name(run, tmp_path / "data") for run in runs] == ["run", "run/final.dump"]
    assert [file.name for file in dump_files(runs[0])] == [f"dump.potts.{number}" for number in range(11)]
    for run in (folder, dump_runs(folder)[0]):
        np.testing.assert_array_equal(read(run, "a").areas, whole.areas)
    assert dump_runs(folder / "dump.potts.3") == [folder / "dump.potts.3"]


@pytest.mark.parametrize(
    ("name", "found"),
    [
        ("dump.potts", True),
        ("potts.64.dump.txt", True),
        ("a/state.sites", True),
        ("map.spparks", True),
        ("data.site", True),
        ("dump.5.jpg", False),
        ("log.spparks.json", False),
        ("in.potts", False),
        ("dumped", False),
        (".dump", False),
    ],
)
def test_runs_go_by_their_names(tmp_path, name, found):
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("")
    assert bool(dump_runs(tmp_path)) == found


@pytest.mark.parametrize("columns", ["", "id site", "id i2 site d1"])
@pytest.mark.parametrize("coordinates", [False, True])
def test_site_files(tmp_path, columns, coordinates):
    path = tmp_path / "a.sites"
    path.write_text(site_file(SPINS, coordinates, columns, RNG.permutation(SPINS.size)))
    found = read(path, "a")
    np.testing.assert_array_equal(spins_of(found), SPINS)
    assert found.runs == []


@pytest.mark.parametrize("flags", [("pp", "pp"), ("pp", "ff"), ("nn", "pp"), ("f", "s")])
def test_periodic_axes_are_those_of_the_box(tmp_path, flags):
    x, y = flags
    path = dump(tmp_path / "a.dump", [SPINS], flags=f"{x} {y} pp")
    expected = (y == "pp", x == "pp")
    assert read(path, "a").periodic == read(path, "a", periodic=list(expected)).periodic == expected
    with pytest.raises(BadInput, match="contradicts the flags of BOX BOUNDS"):
        read(path, "a", periodic=[not expected[0], expected[1]])


def test_periodic_axes_are_those_of_the_key_where_the_box_has_no_flags(tmp_path):
    path = dump(tmp_path / "a.dump", [SPINS])
    found = read(path, "a", periodic=[False, True], spacing=0.5)
    assert (found.periodic, found.spacing) == ((False, True), 0.5)


def test_spin_0_is_no_grain(tmp_path):
    state = replaced(SPINS[0, 0], 0)
    found = read(dump(tmp_path / "a.dump", [state]), "a")
    np.testing.assert_array_equal(spins_of(found), state)
    assert 0 not in found.grain_id


@pytest.mark.parametrize("columns", ["id type x y z", "id type"])
def test_a_slice_of_three_dimensions(tmp_path, columns):
    volume = np.stack([SPINS, SPINS + 1, SPINS[::-1]])
    path = dump(tmp_path / "a.dump", [volume, volume], columns=columns.split(), flags="pp ff nn")
    with pytest.raises(BadInput, match=r"slice: \{axis: z, index: 0\}"):
        read(path, "a")
    for axis, index, plane, periodic in (
        ("z", 2, volume[2], (False, True)),
        ("y", 4, volume[:, 4], (False, True)),
        ("x", 0, volume[:, :, 0], (False, False)),
    ):
        found = read(path, "a", grains="clusters", slice={"axis": axis, "index": index})
        spin = np.concatenate([[0], found.grains.columns["spin"]])
        np.testing.assert_array_equal(spin[found.labels], plane)
        assert (found.periodic, found.runs) == (periodic, [])
        assert found.note == "no growth run: grains grow out of a slice"
    with pytest.raises(BadInput, match="planes along z"):
        read(path, "a", slice={"axis": "z", "index": 3})


FEW = np.tile([1, 1, 2, 2, 1, 1, 3, 3], (4, 1))
"""Four grains of three spins, if no axis is periodic: the first and the third have one spin."""


def test_clusters_are_grains_with_their_spin(tmp_path):
    found = read(dump(tmp_path / "a.dump", [FEW]), "a", grains="clusters", periodic=[False, False])
    spin = np.concatenate([[0], found.grains.columns["spin"]])
    np.testing.assert_array_equal(spin[found.labels], FEW)
    assert found.grain_id.tolist() == list(range(1, len(found.grain_id) + 1))


def test_clusters_are_followed_from_frame_to_frame(tmp_path):
    later = FEW.copy()
    later[1:, 6] = 1
    found = read(dump(tmp_path / "a.dump", [FEW, FEW, later], flags="ff ff pp"), "a", grains="clusters")
    assert found.areas[0].tolist() == [[8, 8, 8, 8], [8, 8, 8, 8], [8, 8, 11, 5]]


def test_clusters_that_cannot_be_followed_leave_a_state_without_growth_run(tmp_path):
    later = FEW.copy()
    later[3, 2:4] = 1
    path = dump(tmp_path / "a.dump", [FEW, FEW, later, FEW], flags="ff ff pp")
    found = read(path, "a", grains="clusters")
    assert (found.runs, found.times, found.areas) == ([], [], [])
    assert found.note == "no growth run: by 20 MCS, grains 1 and 3 have merged"
    path.write_text(path.read_text()[:-3])
    with pytest.raises(BadInput, match="frame 3: cut short"):
        read(path, "a", grains="clusters")


def test_real_dump(raw_data):
    path = raw_data / "maps/spparks-potts-64x48.dump"
    if not path.exists():
        pytest.skip("no maps among the raw data")
    with pytest.raises(BadInput, match=r"100 of 100 spins .*; set grains: clusters"):
        read(path, "a")
    found = read(path, "a", grains="clusters", start=75)
    assert (found.labels.shape, found.runs) == ((48, 64), ["1"])
    assert found.times[0].tolist() == [75, 100]
    assert found.areas[0][0].sum() == 48 * 64
    assert (
        read(path, "a", grains="clusters", start=25).note == "no growth run: by 50.01 MCS, grains 35 and 53 have merged"
    )
