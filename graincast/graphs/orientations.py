"""Crystal orientations: Euler angles as quaternions, and misorientation angles under the crystal's symmetry.

An orientation is a unit quaternion (x, y, z, w) that rotates sample axes to crystal axes, as Bunge's Euler angles do
(Bunge, Texture Analysis in Materials Science, 1982) and DREAM.3D's quaternions.
"""

import functools

import numpy as np
from scipy.spatial.transform import Rotation

from graincast.graphs.laue_groups import LAUE_GROUPS, ROTATIONS


def from_euler(angles: np.ndarray) -> np.ndarray:
    """Orientations float64 [..., 4] from Bunge's Euler angles (φ1, Φ, φ2), float [..., 3], radians; NaN gives NaN."""
    angles = np.asarray(angles, np.float64)
    finite = np.isfinite(angles).all(axis=-1)
    found = np.full((*angles.shape[:-1], 4), np.nan)
    if finite.any():
        found[finite] = Rotation.from_euler("ZXZ", angles[finite]).inv().as_quat()
    return found


def misorientation(orientation: np.ndarray, laue: np.ndarray, reference: int) -> np.ndarray:
    """The smallest rotation angle from one grain's orientation to each other's, float64 [n], degrees.

    orientation  float [n, 4], of any norm above 0
    laue         int [n], the Laue group of each grain's crystal
    reference    index of the grain from which it is measured

    It is the least over all equivalent orientations of both crystals, which may differ.
    """
    rotation = Rotation.from_quat(np.asarray(orientation, np.float64))
    change = (rotation * rotation[reference].inv()).as_quat()
    angle = np.zeros(len(change))
    for group in np.unique(laue):
        rows = laue == group
        # half the angle of s1 Δ s2 has the cosine of the dot product of Δ and the inverse of s2 s1
        cosine = np.abs(change[rows] @ _inverse_products(int(group), int(laue[reference])).T).max(axis=1)
        angle[rows] = np.degrees(2 * np.arccos(np.clip(cosine, 0, 1)))
    return angle


def symmetries(laue: int) -> np.ndarray:
    """The proper rotations of a Laue group as unit quaternions, float64 [rotations, 4]."""
    return _symmetries(laue).as_quat()


@functools.cache
def _inverse_products(laue: int, other: int) -> np.ndarray:
    """Inverses of all products of a rotation of one Laue group and one of another, float64 [products, 4]."""
    if laue == other:
        return _symmetries(laue).as_quat()  # a group holds its products and inverses
    return np.concatenate([(turn * _symmetries(laue)).inv().as_quat() for turn in _symmetries(other)])


@functools.cache
def _symmetries(laue: int) -> Rotation:
    name = LAUE_GROUPS[laue]
    return Rotation.create_group(ROTATIONS[name], axis="Y" if name == "2/m" else "Z")
