"""Maps in DREAM.3D files: all versions give the same map, arrays are found by role, what is malformed is set aside."""

import resource
from pathlib import Path

import h5py
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import from_euler, misorientation
from graincast.graphs.samples import samples
from graincast.microstructure import BadInput
from graincast.raw.dream3d_map import read
from tests.dream3d_files import CELLS, CONTAINER, GRAINS, write_map
from tests.maps import made_labels, read_folder

CUBIC, HEXAGONAL = LAUE_GROUPS.index("m-3m"), LAUE_GROUPS.index("6/mmm")
LABELS = made_labels()
LABELS[0, :3] = 0
N = int(LABELS.max())
EULER = np.random.default_rng(1).uniform([0, 0, 0], [6.28, 3.14, 6.28], (N + 1, 3)).astype(np.float32)
QUATERNIONS = from_euler(EULER).astype(np.float32)
PHASE = np.array([0, *([1, 2] * N)[:N]], np.int32)
IDS = {"FeatureIds": LABELS[None, ..., None]}
TABLE = {"AvgQuats": QUATERNIONS, "Phases": PHASE[:, None], "Size": np.arange(N + 1.0)[:, None]}
GOOD = {"sites": IDS, "grains": TABLE, "structures": (999, 1, 0)}
SITES = {"EulerAngles": EULER[LABELS][None], "Phases": (LABELS > 0).astype(np.int32)[None, ..., None]}


def same(a, b):
    for key in ("labels", "grain_id", "edges", "boundary_length", "degree"):
        np.testing.assert_array_equal(getattr(a, key), getattr(b, key))
    for key in ("orientation", "phase", "laue"):
        np.testing.assert_array_equal(getattr(a.grains, key), getattr(b.grains, key))
    assert (a.periodic, a.spacing) == (b.periodic, b.spacing)


@pytest.mark.parametrize("version", [6, 7, 8])
def test_every_version(tmp_path, version):
    path = tmp_path / "a.dream3d"
    write_map(path, version, **GOOD)
    found = read(path, "a")
    np.testing.assert_array_equal(found.labels, LABELS)
    np.testing.assert_array_equal(found.grains.phase, PHASE[1:])
    np.testing.assert_array_equal(found.grains.laue, np.array([CUBIC, HEXAGONAL])[PHASE[1:] - 1])
    np.testing.assert_allclose(found.grains.orientation, QUATERNIONS[1:], atol=1e-6)
    assert found.spacing == 0.5 and found.periodic == (False, False)
    assert set(found.grains.columns) == {"Phases", "Size"}
    assert read(path, "a", spacing=3.0, periodic=[True, False]).periodic == (True, False)


@pytest.mark.parametrize(
    ("sites", "grains"),
    [
        ({}, {"AvgEulerAngles": EULER}),
        ({"Quats": QUATERNIONS[LABELS][None]}, {}),
        ({"EulerAngles": EULER[LABELS][None]}, {}),
    ],
)
def test_orientations_of_grains_from_any_array(tmp_path, sites, grains):
    path = tmp_path / "a.dream3d"
    write_map(path, 7, IDS | sites | {"Phases": PHASE[LABELS][None, ..., None]}, grains, (999, 1, 0))
    found = read(path, "a").grains
    np.testing.assert_array_equal(found.phase, PHASE[1:])
    for i in range(N):
        angle = misorientation(np.stack([QUATERNIONS[i + 1], found.orientation[i]]), found.laue[[i, i]], 0)
        assert angle[1] < 0.01


def test_sites_without_grain_ids_are_segmented(tmp_path):
    path = tmp_path / "a.dream3d"
    for version in (6, 7, 8):
        write_map(path, version, SITES, structures=(999, 1))
        found = read(path, "a", min_size=1)
        np.testing.assert_array_equal(np.unique(found.labels).size, N + 1)
        for grain in range(1, found.grain_id.size + 1):
            assert np.unique(LABELS[found.labels == grain]).size == 1
        assert (found.labels[LABELS == 0] == 0).all()
    size = np.bincount(LABELS.ravel())[1:]
    few = int(np.sort(size)[2])
    assert read(path, "a", min_size=few + 1).grain_id.size == (size > few).sum()
    assert read(path, "a", misorientation=180).grain_id.size == 1
    with pytest.raises(BadInput, match="no grain of 1000 sites within 5 degrees"):
        read(path, "a", min_size=1000)


def test_red_grains_are_those_misoriented_to_the_candidate(tmp_path):
    """Grains turned about one axis by known angles, each written as an equivalent orientation."""
    angles = np.array([0, 10, 20, 30, 45, 60, 80, 90, 135])
    turned = Rotation.from_euler("z", angles[:, None], degrees=True) * Rotation.from_rotvec([0.3, 0.2, 0.1])
    equivalents = Rotation.create_group("O")
    turned = Rotation.concatenate([equivalents[i] * turned[i] for i in range(9)])
    quaternions = np.concatenate([np.zeros((1, 4)), turned.as_quat()])
    write_map(tmp_path / "a.dream3d", 7, {"FeatureIds": made_labels()[None]}, {"AvgQuats": quaternions}, (999, 1))
    m = read(tmp_path / "a.dream3d", "a")
    (sample,) = samples(m, {"ids": [1]}, {"by": "misorientation", "above": 25})
    away = np.minimum(angles % 90, 90 - angles % 90)
    assert sample.grain_type.tolist() == [0, *np.where(away[1:] > 25, 2, 1)]


def test_the_laue_group_of_a_file_without_crystal_structures(tmp_path):
    path = tmp_path / "a.dream3d"
    write_map(path, 7, SITES)
    with pytest.raises(BadInput, match=r"no crystal structure for phase 1, .*give laue"):
        read(path, "a")
    write_map(tmp_path / "b.dream3d", 7, SITES, structures=(999, 1))
    same(read(path, "a", laue="m-3m"), read(tmp_path / "b.dream3d", "a"))


def test_arrays_are_named_where_several_fit(tmp_path):
    path = tmp_path / "a.dream3d"
    other = np.where(LABELS == 1, 2, LABELS)
    write_map(path, 7, {"FeatureIds": LABELS[None], "GrainIds": other[None]})
    with pytest.raises(BadInput) as error:
        read(path, "a")
    shown = ", ".join(f"{CONTAINER[7]}/{CELLS}/{name}" for name in ("FeatureIds", "GrainIds"))
    assert str(error.value) == f"2 arrays can be the feature_ids: {shown}; name one by arrays.feature_ids"
    found = read(path, "a", arrays={"feature_ids": f"/{CONTAINER[7]}/{CELLS}/GrainIds"})
    np.testing.assert_array_equal(np.concatenate([[0], found.grain_id])[found.labels], other)
    twice = IDS | {"Quats": QUATERNIONS[LABELS][None]}
    write_map(path, 7, twice, TABLE | {"Best": QUATERNIONS[::-1]}, (999, 1, 0))
    best = read(path, "a", arrays={"orientations": f"{CONTAINER[7]}/{GRAINS}/Best"}).grains.orientation
    np.testing.assert_allclose(best, QUATERNIONS[::-1][1:], atol=1e-6)


@pytest.mark.parametrize(("axis", "index"), [("z", 1), ("y", 2), ("x", 3)])
def test_a_slice_of_a_volume(tmp_path, axis, index):
    path = tmp_path / "a.dream3d"
    volume = np.stack([np.roll(LABELS, i, 1) for i in range(4)])
    steps = {"x": 0.5, "y": 0.5, "z": 0.5} | {axis: 2.0}
    sites = {"FeatureIds": volume[..., None], "Quats": QUATERNIONS[volume], "Phases": PHASE[volume][..., None]}
    write_map(path, 7, sites, structures=(999, 1, 0), spacing=list(steps.values()))
    with pytest.raises(BadInput, match=r"4 x 20 x 24 sites .*take a slice"):
        read(path, "a")
    found = read(path, "a", slice={"axis": axis, "index": index})
    expected = np.take(volume, index, "zyx".index(axis))
    np.testing.assert_array_equal(np.concatenate([[0], found.grain_id])[found.labels], expected)
    np.testing.assert_array_equal(found.grains.phase, PHASE[found.grain_id])
    assert found.spacing == 0.5
    other = "y" if axis != "y" else "x"
    with pytest.raises(BadInput, match="not square; resample the map to square sites"):
        read(path, "a", slice={"axis": other, "index": 0})


@pytest.mark.parametrize(
    ("unit", "spacing", "expected"),
    [
        (6, 0.5, 0.5),
        (5, 500, 0.5),
        (7, 0.0005, 0.5),
        (21, 5000, 0.5),
        (10, 0.5, 0.5),
        (10, 5e-7, 0.5),
        (None, 0.5, 0.5),
        (100, 0.5, 0.5),
    ],
)
def test_units_of_length(tmp_path, unit, spacing, expected):
    write_map(tmp_path / "a.dream3d", 8, **GOOD, spacing=[spacing] * 3, unit=unit)
    assert read(tmp_path / "a.dream3d", "a").spacing == pytest.approx(expected, rel=1e-6)


def put(path, name, values, **attributes):
    with h5py.File(path, "a") as file:
        place = f"{CONTAINER[7]}/{name}"
        if place in file:
            del file[place]
        if values is not None:
            file[place] = values


def cells(name, values):
    return lambda path: put(path, f"{CELLS}/{name}", values)


def simpl(name, values):
    return lambda path: put(path, f"_SIMPL_GEOMETRY/{name}", values)


def of_grains(name, values):
    return lambda path: put(path, f"{GRAINS}/{name}", values)


def version(value):
    def change(path):
        with h5py.File(path, "a") as file:
            file.attrs["FileVersion"] = value

    return change


def claim(path):
    put(path, f"{CELLS}/FeatureIds", None)
    with h5py.File(path, "a") as file:
        file.create_dataset(f"{CONTAINER[7]}/{CELLS}/FeatureIds", (1, 10**6, 10**6, 1), "i4", chunks=(1, 64, 64, 1))


def external(path):
    put(path, f"{CELLS}/FeatureIds", h5py.ExternalLink("other.dream3d", "a"))


def geometry_of_another_kind(path):
    with h5py.File(path, "a") as file:
        file[f"{CONTAINER[7]}/_SIMPL_GEOMETRY"].attrs["GeometryTypeName"] = "TriangleGeometry"


def no_arrays(path):
    for name in (f"{CELLS}/FeatureIds", GRAINS):
        put(path, name, None)


MALFORMED = {
    "not HDF5": (lambda path: path.write_bytes(b"no file"), "is not an HDF5 file, or cut short"),
    "cut short": (lambda path: path.write_bytes(path.read_bytes()[:3000]), "is not an HDF5 file, or cut short"),
    "version 5": (version(np.bytes_("5.0")), "DREAM.3D file version '5.0', not 6, 7 or 8"),
    "version 80": (version("80.0"), "DREAM.3D file version '80.0', not 6, 7 or 8"),
    "version of another layout": (version("8.0"), "neither FeatureIds nor Quats or EulerAngles of sites"),
    "no arrays": (no_arrays, "neither FeatureIds nor Quats or EulerAngles of sites"),
    "a huge claim": (claim, "[1, 1000000, 1000000, 1], chunks [1, 64, 64, 1], is too large"),
    "ids in another file": (external, "neither FeatureIds nor Quats or EulerAngles of sites"),
    "ids as numbers with a point": (cells("FeatureIds", LABELS[None] * 1.0), "FeatureIds is of type float64"),
    "negative ids": (cells("FeatureIds", LABELS[None] - 1), "grain id -1 is below 0"),
    "no grain": (cells("FeatureIds", 0 * LABELS[None]), "no grains: all labels are 0"),
    "ids of two components": (cells("FeatureIds", np.stack([LABELS[None]] * 2, -1)), "not [z, y, x, 1]"),
    "no sites": (cells("FeatureIds", LABELS[None, :0]), "a map of shape [1, 0, 24] has no plane"),
    "other dimensions": (simpl("DIMENSIONS", [24, 21, 1]), "DIMENSIONS [24, 21, 1] do not fit"),
    "sites that are not square": (simpl("SPACING", [0.5, 0.6, 1]), "sites are 0.5 x 0.6, not sq"),
    "no distance": (simpl("SPACING", [0.0, 0, 0]), "the file says 0 and 0 for the distance of sites; give it by"),
    "two distances": (simpl("SPACING", [0.5, 0.5]), "SPACING has 2 entries, not 3"),
    "another geometry": (geometry_of_another_kind, "is no grid of sites"),
    "fewer rows than grains": (of_grains("AvgQuats", QUATERNIONS[:-1]), f"[{N}, 4], but grain ids go up to {N}"),
    "orientations of five components": (of_grains("AvgQuats", np.ones((N + 1, 5))), "5 components, neither"),
    "angles in degrees": (of_grains("AvgQuats", EULER * 57.3), "which is not in radians"),
    "a phase without structure": (of_grains("Phases", PHASE[:, None] + 1), "phase 3 is not one of the 2 of Crystal"),
    "a negative phase": (of_grains("Phases", PHASE[:, None] - 2), "Phases holds -2; phases start from 0"),
    "phases of other sites": (
        lambda path: (of_grains("Phases", None)(path), cells("Phases", LABELS[None, 1:])(path)),
        "not that of 1 x 20 x 24 sites",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def rejected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("malformed")
    raw = folder / "raw"
    raw.mkdir()
    write_map(raw / "good.dream3d", **GOOD)
    for name, (change, _) in MALFORMED.items():
        path = raw / f"{name}.dream3d"
        write_map(path, **GOOD)
        change(path)
    graphs, reasons = read_folder(raw, folder, "dream3d", candidates="largest")
    assert [graph.group for graph in graphs] == ["good.dream3d"]
    return reasons


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_files_are_named_and_set_aside(rejected, name):
    assert MALFORMED[name][1] in rejected[f"{name}.dream3d"]


def test_a_claim_of_many_sites_costs_no_memory(tmp_path):
    path = tmp_path / "a.dream3d"
    write_map(path, **GOOD)
    claim(path)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match="is too large"):
        read(path, "a")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # kB


def real(raw_data: Path, name: str) -> Path:
    path = raw_data / name
    if not path.is_file():
        pytest.skip(f"{path} is not at hand")
    return path


@pytest.mark.parametrize("laue", [None, "m-3m"])
def test_one_real_map_in_two_versions(raw_data, laue):
    first, second = (read(real(raw_data, f"maps/measured-{of}.dream3d"), "a", laue=laue) for of in ("6.5", "nx"))
    assert first.labels.shape == (101, 201) and first.grain_id.size == 621 and first.spacing == 0.35
    assert (first.grains.orientation is None) == (laue is None)  # without symmetry, orientations have no mean
    same(first, second)


def test_a_real_map_without_grain_ids(raw_data):
    found = read(real(raw_data, "maps/small-in100-slice.dream3d"), "a")
    assert found.labels.shape == (201, 189) and found.spacing == 0.25
    assert np.isfinite(found.grains.orientation).all() and (found.grains.laue == CUBIC).all()
    assert 200 < found.grain_id.size < 300
    assert np.bincount(found.labels.ravel())[1:].min() >= 5


STATE = "data/run-1/spparks_init/initial.dream3d"


@pytest.mark.parametrize("case", ["d3d-v7-synthetic", "d3d-v8-nx", "d3d-no-quats", "d3d-no-time"])
def test_one_state_in_other_layouts(raw_data, case):
    cases = raw_data.parent / "cases"
    good, other = (read(real(cases, f"{name}/{STATE}"), "a") for name in ("d3d-good", case))
    for key in ("labels", "grain_id", "edges", "boundary_length"):
        np.testing.assert_array_equal(getattr(good, key), getattr(other, key))
    if case != "d3d-no-quats":
        np.testing.assert_allclose(good.grains.orientation, other.grains.orientation, atol=1e-6)


def test_states_with_unassigned_sites_and_of_any_rectangle(raw_data):
    cases = raw_data.parent / "cases"
    found = read(real(cases, f"d3d-zero-cells/{STATE}"), "a")
    assert (found.labels == 0).sum() == 16 and found.grain_id.size == 20
    assert read(real(cases, f"d3d-nonsquare/{STATE}"), "a").labels.shape == (32, 64)
