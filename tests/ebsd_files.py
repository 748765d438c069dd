"""Writes EBSD maps in EDAX's and Oxford Instruments' formats, from orientations in one frame.

That frame has the sample axes x to the right, y up, z out of the map, and the crystal axis x along a1 of a hexagonal
crystal; quaternions are x, y, z, w and rotate sample axes to crystal axes. The conversions to each format's axes are
written out as matrices, from what the formats define.
"""

import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from scipy.spatial.transform import Rotation

EDAX_SAMPLE = Rotation.from_matrix([[0, -1, 0], [1, 0, 0], [0, 0, 1]])
"""From the frame's sample axes to EDAX's: A1 points down, A2 to the right, A3 out of the map."""
A1, A2 = np.array([1, 0, 0]), np.array([-0.5, 0.75**0.5, 0])
"""Two axes of a hexagonal crystal."""
OXFORD_CRYSTAL = Rotation.from_matrix([(2 * A1 + A2) / 3**0.5, A2, [0, 0, 1]])
"""From the frame's crystal axes to Oxford's of a hexagonal crystal: y along a2, x perpendicular to it, near a1."""
CUBIC, HEXAGONAL = "cubic", "hexagonal"


def bunge(rotation: Rotation) -> np.ndarray:
    """Bunge's Euler angles, radians, of rotations from sample to crystal axes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of Φ = 0, where only φ1 + φ2 counts
        angles = rotation.inv().as_euler("ZXZ")
    return angles % (2 * np.pi) * [1, 0, 1] + angles * [0, 1, 0]


def edax_angles(quaternion: np.ndarray) -> np.ndarray:
    return bunge(Rotation.from_quat(quaternion) * EDAX_SAMPLE.inv())


def oxford_angles(quaternion: np.ndarray, hexagonal: np.ndarray) -> np.ndarray:
    """hexagonal: bool, of each quaternion's crystal."""
    frame = bunge(Rotation.from_quat(quaternion))
    turned = bunge(OXFORD_CRYSTAL * Rotation.from_quat(quaternion))
    return np.where(hexagonal[:, None], turned, frame)


def write_ang(
    path: Path, quaternion: np.ndarray, phase: np.ndarray, kinds: Sequence[str] = (CUBIC,), step: float = 0.5
) -> None:
    """quaternion [height, width, 4], phase [height, width]: 0 where not indexed."""
    height, width = phase.shape
    symmetry = {CUBIC: "43", HEXAGONAL: "6/mmm"}
    head = ["# TEM_PIXperUM 1.000000", "# x-star 0.5", "#"]
    for number, kind in enumerate(kinds, 1):
        head += [f"# Phase {number}", "# MaterialName  Metal", "# Formula   M", f"# Symmetry  {symmetry[kind]}"]
        head += ["# LatticeConstants  3.6 3.6 3.6 90 90 90", "# NumberFamilies 0", "#"]
    head += ["# GRID: SqrGrid", f"# XSTEP: {step}", f"# YSTEP: {step}"]
    head += [f"# NCOLS_ODD: {width}", f"# NCOLS_EVEN: {width}", f"# NROWS: {height}", "#"]
    y, x = np.mgrid[:height, :width] * step
    indexed = phase.ravel() > 0
    angles = np.where(indexed[:, None], edax_angles(quaternion.reshape(-1, 4)), 4 * np.pi)
    written = phase.ravel() * (len(kinds) > 1)
    lines = [
        f"{a:.7f} {b:.7f} {c:.7f} {x:.3f} {y:.3f} 100.0 {0.9 if ok else -1:.3f} {p} 1 1.0"
        for (a, b, c), x, y, p, ok in zip(angles, x.ravel(), y.ravel(), written, indexed, strict=True)
    ]
    path.write_text("\n".join([*head, *lines]) + "\n")


def write_ctf(
    path: Path, quaternion: np.ndarray, phase: np.ndarray, kinds: Sequence[str] = (CUBIC,), step: float = 0.5
) -> None:
    height, width = phase.shape
    group = {CUBIC: "11\t225", HEXAGONAL: "9\t194"}
    head = ["Channel Text File", "Prj\ttest", "Author\t", "JobMode\tGrid", f"XCells\t{width}", f"YCells\t{height}"]
    head += [f"XStep\t{step}", f"YStep\t{step}", "AcqE1\t0", "AcqE2\t0", "AcqE3\t0", f"Phases\t{len(kinds)}"]
    head += [f"3.6;3.6;3.6\t90;90;90\tMetal\t{group[kind]}\t\t\tsome" for kind in kinds]
    head += ["Phase\tX\tY\tBands\tError\tEuler1\tEuler2\tEuler3\tMAD\tBC\tBS"]
    y, x = np.mgrid[:height, :width] * step
    angles = _oxford(quaternion, phase, kinds, 180 / np.pi)
    lines = [
        f"{p}\t{x:.3f}\t{y:.3f}\t8\t0\t{a:.6f}\t{b:.6f}\t{c:.6f}\t0.5\t100\t100"
        for (a, b, c), x, y, p in zip(angles, x.ravel(), y.ravel(), phase.ravel(), strict=True)
    ]
    path.write_text("\n".join([*head, *lines]) + "\n")


def write_cpr(
    path: Path, quaternion: np.ndarray, phase: np.ndarray, kinds: Sequence[str] = (CUBIC,), step: float = 0.5
) -> None:
    """Also writes the .crc file."""
    height, width = phase.shape
    group = {CUBIC: (11, 225), HEXAGONAL: (9, 194)}
    lines = ["[General]", "Version=5.0", "[Job]", f"GridDistX={step}", f"GridDistY={step}", f"xCells={width}"]
    lines += [f"yCells={height}", "[Acquisition Surface]", "Euler1=0.0", "Euler2=0.0", "Euler3=0.0", "[Fields]"]
    lines += ["Count=6", *(f"Field{i + 1}={field}" for i, field in enumerate([3, 4, 5, 6, 7, 8]))]
    lines += ["[Phases]", f"Count={len(kinds)}"]
    for number, kind in enumerate(kinds, 1):
        lines += [f"[Phase{number}]", "StructureName=Metal", *(f"{side}=3.6" for side in "abc")]
        lines += [*(f"{angle}=90" for angle in ("alpha", "beta", "gamma"))]
        lines += [f"LaueGroup={group[kind][0]}", f"SpaceGroup={group[kind][1]}"]
    path.write_text("\n".join(lines) + "\n")
    fields = [("phase", "u1"), *((name, "f4") for name in ("a", "b", "c", "mad")), ("bc", "u1"), ("bs", "u1")]
    points = np.zeros(phase.size, np.dtype(fields))
    points["phase"] = phase.ravel()
    for name, values in zip("abc", _oxford(quaternion, phase, kinds, 1).T, strict=True):
        points[name] = values
    path.with_suffix(".crc").write_bytes(points.tobytes())


def _oxford(quaternion: np.ndarray, phase: np.ndarray, kinds: Sequence[str], unit: float) -> np.ndarray:
    hexagonal = np.array([False, *(kind == HEXAGONAL for kind in kinds)])[phase.ravel()]
    return np.where(phase.reshape(-1, 1) > 0, oxford_angles(quaternion.reshape(-1, 4), hexagonal) * unit, 0)
