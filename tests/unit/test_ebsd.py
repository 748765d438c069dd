"""EBSD maps: all formats give the same grains and orientations; DefDAP finds the same grains; faults are set aside."""

import contextlib
import io
import warnings

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import from_euler, misorientation, symmetries
from graincast.graphs.samples import samples
from graincast.microstructure import BadInput
from graincast.raw import dream3d_map
from graincast.raw.ebsd import read
from graincast.raw.limits import MAX_SITES
from graincast.raw.sources import ebsd_files
from tests.dream3d_files import write_map
from tests.ebsd_files import CUBIC, HEXAGONAL, bunge, write_ang, write_cpr, write_ctf
from tests.maps import made_labels, read_folder

pytest.importorskip("defdap", reason="DefDAP is not installed")

WRITERS = {"ang": write_ang, "ctf": write_ctf, "cpr": write_cpr}
every_format = pytest.mark.parametrize("suffix", WRITERS)
LABELS = made_labels(24, 30, 7)
N = int(LABELS.max())
KINDS = (CUBIC, HEXAGONAL)
PHASE = np.array([0, 1, 2, 1, 2, 1, 2, 1])[: N + 1]
QUATERNIONS = np.concatenate([[[0, 0, 0, 1]], Rotation.random(N, random_state=np.random.default_rng(4)).as_quat()])
NOT_INDEXED = (slice(2, 4), slice(5, 8))


def phases():
    phase = PHASE[LABELS]
    phase[NOT_INDEXED] = 0
    return phase


def write(path, **settings):
    arguments = {"quaternion": QUATERNIONS[LABELS], "phase": phases(), "kinds": KINDS} | settings
    WRITERS[path.suffix[1:]](path, **arguments)
    return path


def away(one, other, laue):
    """The misorientation of two orientations of a crystal, degrees."""
    return misorientation(np.stack([one, other]), np.array([laue, laue]), 0)[1]


@every_format
def test_grains_and_their_orientations_are_those_written(tmp_path, suffix, capfd):
    found = read(write(tmp_path / f"a.{suffix}"), "a", min_size=1)
    sites = np.where(phases() > 0, LABELS, 0)
    for grain in range(1, found.grain_id.size + 1):
        (written,) = np.unique(sites[found.labels == grain])
        assert found.grains.phase[grain - 1] == PHASE[written]
        laue = LAUE_GROUPS.index("m-3m" if PHASE[written] == 1 else "6/mmm")
        assert found.grains.laue[grain - 1] == laue
        assert away(QUATERNIONS[written], found.grains.orientation[grain - 1], laue) < 0.01
    np.testing.assert_array_equal(found.labels == 0, sites == 0)
    assert found.spacing == 0.5 and found.periodic == (False, False)
    assert read(tmp_path / f"a.{suffix}", "a", spacing=2.0, periodic=[True, False]).spacing == 2
    assert capfd.readouterr() == ("", "")  # DefDAP prints


def test_all_formats_give_the_same_graph(tmp_path):
    maps = [read(write(tmp_path / f"a.{suffix}"), "a", min_size=1) for suffix in WRITERS]
    euler = from_euler_angles(QUATERNIONS)[LABELS]
    sites = {"EulerAngles": euler[None], "Phases": phases()[None, ..., None]}
    write_map(tmp_path / "a.dream3d", 7, sites, structures=(999, 1, 0))
    maps.append(dream3d_map.read(tmp_path / "a.dream3d", "a", misorientation=10, min_size=1))
    for other in maps[1:]:
        for key in ("labels", "grain_id", "edges", "boundary_length", "spacing"):
            np.testing.assert_array_equal(getattr(maps[0], key), getattr(other, key))
        for i in range(maps[0].grain_id.size):
            first, second = maps[0].grains, other.grains
            assert first.laue[i] == second.laue[i] and first.phase[i] == second.phase[i]
            assert away(first.orientation[i], second.orientation[i], first.laue[i]) < 0.01
            of_all = [misorientation(one.orientation, one.laue, i) for one in (first, second)]
            np.testing.assert_allclose(*of_all, atol=0.02)


def from_euler_angles(quaternion):
    """Bunge's Euler angles by their definition, which `from_euler` inverts."""
    angles = bunge(Rotation.from_quat(quaternion))
    np.testing.assert_allclose(np.abs((from_euler(angles) * quaternion).sum(axis=1)), 1)
    return angles


@every_format
def test_red_grains_are_those_misoriented_to_the_candidate(tmp_path, suffix):
    """Grains turned about a cube axis by known angles, each written as an equivalent orientation."""
    labels, angles = made_labels(24, 30, 7), np.array([0, 12, 20, 28, 35, 40, 44])
    mean = Rotation.random(random_state=np.random.default_rng(5))
    turned = Rotation.from_euler("z", angles[:, None], degrees=True) * mean
    equivalents = symmetries(LAUE_GROUPS.index("m-3m"))
    turned = Rotation.from_quat(equivalents[:7]) * turned
    path = write(
        tmp_path / f"a.{suffix}", quaternion=turned.as_quat()[labels - 1], phase=np.ones_like(labels), kinds=(CUBIC,)
    )
    m = read(path, "a", misorientation=3, min_size=1)
    of_grain = {int(m.labels[labels == i + 1][0]): angles[i] for i in range(7)}
    candidate = next(grain for grain, angle in of_grain.items() if angle == 0)
    (sample,) = samples(m, {"ids": [candidate]}, {"by": "misorientation", "above": 30})
    assert m.grain_id.size == 7
    for grain, angle in of_grain.items():
        assert sample.grain_type[grain - 1] == (0 if angle == 0 else 2 if angle > 30 else 1)


@pytest.mark.parametrize("written", [0, 1])
def test_phases_of_one_phase_in_edax_files(tmp_path, written):
    """A single phase is numbered 0 by EDAX and 1 by others."""
    path = write(tmp_path / "a.ang", kinds=(CUBIC,), phase=np.minimum(phases(), 1))
    text = path.read_text().replace(" 0 1 1.0\n", f" {written} 1 1.0\n")
    path.write_text(text)
    found = read(path, "a", min_size=1)
    assert set(found.grains.phase.tolist()) == {1}
    np.testing.assert_array_equal(found.labels == 0, phases() == 0)


def test_a_phase_that_never_occurs_moves_no_other(tmp_path):
    path = write(tmp_path / "a.ang", phase=np.minimum(phases(), 1))
    found = read(path, "a", min_size=1)
    assert set(found.grains.phase.tolist()) == {1}
    np.testing.assert_array_equal(found.labels == 0, phases() == 0)


def defdap_labels(path, misorientation, min_size):
    """The grains that DefDAP itself finds."""
    from defdap.ebsd import Map

    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        of_defdap = Map(path)
        of_defdap.data.generate("grain_boundaries", misori_tol=misorientation)
        of_defdap.data.generate("grains", min_grain_size=min_size)
        return np.maximum(np.array(of_defdap.data.grains), 0)


@every_format
def test_defdap_finds_the_same_grains(tmp_path, suffix):
    rng = np.random.default_rng(6)
    scatter = Rotation.from_rotvec(np.radians(4) * rng.normal(size=(LABELS.size, 3)))
    quaternion = (scatter * Rotation.from_quat(QUATERNIONS[LABELS.ravel()])).as_quat().reshape(*LABELS.shape, 4)
    phase = np.where(phases() > 0, 1, 0)
    path = write(tmp_path / f"a.{suffix}", quaternion=quaternion, kinds=(CUBIC,), phase=phase)
    if suffix == "ang":  # DefDAP takes points that were not indexed for a phase
        path = write(tmp_path / "a.ang", quaternion=quaternion, kinds=(CUBIC,), phase=np.ones_like(phase))
    found = read(path, "a", misorientation=8, min_size=4)
    np.testing.assert_array_equal(found.labels, defdap_labels(path, 8, 4))
    assert found.grain_id.size > N


def real(raw_data):
    path = raw_data / "maps" / "ni-superalloy.cpr"
    if not path.is_file():
        pytest.skip(f"{path} is not at hand")
    return path


def test_a_real_map(raw_data):
    found = read(real(raw_data), "a")
    assert found.labels.shape == (243, 359) and found.spacing == 0.12 and found.grain_id.size == 105
    assert np.isfinite(found.grains.orientation).all() and (found.grains.laue == LAUE_GROUPS.index("m-3m")).all()


@pytest.mark.long
def test_defdap_finds_the_same_grains_in_a_real_map(raw_data):
    np.testing.assert_array_equal(read(real(raw_data), "a").labels, defdap_labels(real(raw_data), 10, 10))


def edited(old, new, suffix, count=1):
    def change(path):
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, count))

    return suffix, change


def last_line(suffix, keep):
    def change(path):
        lines = path.read_text().splitlines()
        path.write_text("\n".join([*lines[:-1], *keep]) + "\n")

    return suffix, change


def binary(change):
    def changed(path):
        crc = path.with_suffix(".crc")
        content = change(crc.read_bytes())
        crc.unlink()
        if content is not None:
            crc.write_bytes(content)

    return "cpr", changed


def in_radians(path):
    lines = path.read_text().splitlines()
    start = next(i for i, line in enumerate(lines) if line.startswith("Phase\tX")) + 1
    rows = [line.split("\t") for line in lines[start:]]
    rows = [[*row[:5], *(str(np.radians(float(angle))) for angle in row[5:8]), *row[8:]] for row in rows]
    path.write_text("\n".join([*lines[:start], *("\t".join(row) for row in rows)]) + "\n")


def in_capitals(path):
    path.with_suffix(".CTF").write_text(path.read_text().replace("test", "other"))
    path.unlink()


HUGE = 10**6
MALFORMED = {
    "hexagonal": (edited("SqrGrid", "HexGrid", "ang"), "points on a hexagonal grid; resample them to a square one"),
    "rectangles": (edited("YSTEP: 0.5", "YSTEP: 0.25", "ang"), "sites are 0.5 x 0.25, not square; resample"),
    "rectangles-of-ctf": (edited("XStep\t0.5", "XStep\t0.25", "ctf"), "sites are 0.25 x 0.5, not square; resample"),
    "rectangles-of-cpr": (edited("GridDistY=0.5", "GridDistY=1", "cpr"), "sites are 0.5 x 1, not square; resample"),
    "claim-of-ang": (edited("NROWS: 24", f"NROWS: {10**12}", "ang"), f"{10**12} x 30 points, none or too many"),
    "claim-of-ctf": (edited("XCells\t30", f"XCells\t{10**7}", "ctf"), f"too many (over {MAX_SITES})"),
    "claim-of-cpr": (edited("xCells=30", f"xCells={10**12}", "cpr"), f"24 x {10**12} points, none or too many"),
    "no-columns": (edited("NCOLS_ODD", "COLUMNS", "ang"), "the header has no NCOLS_ODD, or the file is not what its"),
    "no-points": (edited("YCells\t24", "YCells\t0", "ctf"), "0 x 30 points, none or too many"),
    "negative": (edited("xCells=30", "xCells=-30", "cpr"), "xCells: '-30' is not a number from 0"),
    "step": (edited("XStep\t0.5", "XStep\tnan", "ctf"), "XStep: 'nan' is not a number from 0"),
    "no-step": (edited("XSTEP: 0.5", "XSTEP: 0", "ang"), "the file says 0 and 0.5 for the distance of sites; give it"),
    "symmetry": (edited("Symmetry  43", "Symmetry  22", "ang"), "DefDAP cannot read it: ValueError: Unknown crystal"),
    "laue": (edited("LaueGroup=11", "LaueGroup=3", "cpr"), "DefDAP cannot read it: ValueError: Unknown Laue group key"),
    "fewer-rows": (last_line("ang", []), "DefDAP cannot read it: ValueError: cannot reshape array of size 719"),
    "cut-row": (last_line("ctf", ["1\t2"]), "DefDAP cannot read it: ValueError"),
    "no-number": (last_line("ang", ["a b c 0 0 100 0.9 1 1 1.0"]), "DefDAP cannot read it: ValueError: could not"),
    "columns": (edited("Euler3", "Euler4", "ctf"), "DefDAP cannot read it: TypeError: Unknown data in EBSD file."),
    "no-contrast": (edited("\tBC\tBS", "\tMAD\tMAD", "ctf"), "DefDAP cannot read it: ValueError"),
    "phase": (last_line("ctf", ["3\t0\t0\t8\t0\t1\t2\t3\t0.5\t1\t1"]), "phase 3 is not one of the 2 of the header"),
    "angle": (last_line("ctf", ["1\t0\t0\t8\t0\t1\t20000\t3\t0.5\t1\t1"]), "an Euler angle of 20000 degrees; .ctf"),
    "radians": (("ctf", in_radians), "they are in radians; convert them to degrees"),
    "degrees": (last_line("ang", ["70 80 90 0 0 100 0.9 1 1 1.0"]), "degrees; .ang files have them in radians"),
    "no-phases": (edited("Phases]\nCount=2", "Phases]\nCount=0", "cpr"), "the header names no phase"),
    "more-phases": (edited("Phases]\nCount=2", "Phases]\nCount=3", "cpr"), "DefDAP cannot read it: KeyError: 'Phase3'"),
    "field": (edited("Field2=4", "Field2=99", "cpr"), "bytes, not the"),
    "not-indexed": (edited("0.900", "-1.00", "ang", -1), "no grain of 10 points within 10 degrees"),
    "no-binary": (binary(lambda content: None), "no no-binary.crc beside it, which holds the points"),
    "cut-binary": (binary(lambda content: content[:-1]), "cut-binary.crc holds 13679 bytes, not the 13680 of 24 x 30"),
    "long-binary": (binary(lambda content: content + b"1"), "long-binary.crc holds 13681 bytes, not the 13680 of 24"),
    "latin-1": (("ctf", lambda path: path.write_bytes(path.read_bytes() + b"\xfc")), "not text in UTF-8; save it so"),
    "empty": (("ang", lambda path: path.write_text("")), "the header has no NCOLS_ODD"),
    "CAPITALS": (("ctf", in_capitals), "rename it to .ctf"),
}  # fmt: skip


@pytest.fixture(scope="module")
def rejected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("malformed")
    raw = folder / "raw"
    raw.mkdir()
    for suffix in WRITERS:
        write(raw / f"good.{suffix}")
    for name, ((suffix, change), _) in MALFORMED.items():
        change(write(raw / f"{name}.{suffix}"))
    own = {"misorientation": 10, "min_size": 10}
    graphs, reasons = read_folder(raw, folder, "ebsd", candidates="largest", **own)
    assert [graph.group for graph in graphs] == [f"good.{suffix}" for suffix in sorted(WRITERS)]
    return {name.rpartition(".")[0]: reason for name, reason in reasons.items()}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_maps_are_named_and_set_aside(rejected, name):
    assert MALFORMED[name][1] in rejected[name]


def test_a_given_distance_replaces_an_absent_one(tmp_path):
    path = write(tmp_path / "a.ctf")
    path.write_text(path.read_text().replace("Step\t0.5", "Step\t0"))
    assert read(path, "a", spacing=0.25).spacing == 0.25


def test_the_binary_beside_a_map_is_part_of_its_run(tmp_path):
    path = write(tmp_path / "a.cpr")
    assert ebsd_files(path) == [path, tmp_path / "a.crc"]
    assert ebsd_files(tmp_path / "a.ctf") == [tmp_path / "a.ctf"]


def test_segmentation_settings(tmp_path):
    path = write(tmp_path / "a.ang")
    with pytest.raises(BadInput, match="no grain of 1000 points within 10 degrees; see misorientation, min_size"):
        read(path, "a", min_size=1000)
    assert read(path, "a", misorientation=180, min_size=1).grain_id.size <= N
