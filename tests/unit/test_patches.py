"""Patches against full masks in NumPy, under shifts and renumbering; streams that leave no patch out."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.encoders import patches, stream
from graincast.encoders.patches import BOUNDARY, GRAIN, boundaries, grains, undirected
from graincast.graphs import shards
from graincast.graphs.boundaries import adjacency
from graincast.graphs.palette import PATCH_GREY as GREY
from graincast.graphs.palette import PATCH_RAISED as RAISED
from graincast.microstructure import BadInput
from tests.synthetic import voronoi
from tests.tables import microstructure


def centred(mask: np.ndarray, image: np.ndarray, window: int) -> np.ndarray:
    """A window of a periodic image with the rounded circular mean of a mask at window // 2."""
    patch = np.zeros((window, window), np.uint8)
    offsets = []
    for axis in (0, 1):
        size = image.shape[axis]
        angle = 2 * np.pi * np.arange(size) / size
        mean = np.angle(mask.sum(axis=1 - axis) @ np.exp(1j * angle)) * size / (2 * np.pi)
        offsets.append((np.arange(size) - int(np.floor(mean + 0.5 + 1e-9)) + size // 2) % size - size // 2)
    for r, c in np.ndindex(image.shape):
        row, column = offsets[0][r] + window // 2, offsets[1][c] + window // 2
        if 0 <= row < window and 0 <= column < window:
            patch[row, column] = image[r, c]
    return patch


def grain_by_mask(labels: np.ndarray, types: np.ndarray, i: int, window: int) -> np.ndarray:
    mask = labels == i + 1
    return centred(mask, np.where(mask, GREY[int(types[i])], 0), window)


def boundary_by_masks(labels: np.ndarray, types: np.ndarray, pair: np.ndarray, window: int) -> np.ndarray:
    def dilated(mask):
        for axis in (0, 1):
            mask = mask | np.roll(mask, 1, axis) | np.roll(mask, -1, axis)
        return mask

    first, second = (labels == i + 1 for i in pair)
    touching = (first & dilated(second)) | (second & dilated(first))
    image = np.where(first, GREY[int(types[pair[0]])], 0) + np.where(second, GREY[int(types[pair[1]])], 0)
    return centred(touching, image + RAISED * touching, window)


def image(seed: int, shape: tuple[int, int] = (40, 40), n: int = 14) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Voronoi grains cut to a shape, with empty sites and a grain in pieces: labels, types, boundaries."""
    rng = np.random.default_rng(seed)
    labels = voronoi(max(shape), n, rng)[: shape[0], : shape[1]]
    labels = np.unique(labels, return_inverse=True)[1].reshape(shape).astype(np.int32) + 1
    labels[labels == 2] = 0
    labels[labels == labels.max()] = 2
    n = int(labels.max())
    labels[labels == 4] = np.where(rng.random((labels == 4).sum()) < 0.7, 4, 0)
    return labels, rng.integers(0, 3, n).astype(np.int8), undirected(adjacency(labels, n)[0])[0]


@pytest.mark.parametrize("shape", [(40, 40), (33, 48), (21, 16)])
@pytest.mark.parametrize("window", [12, 24, 48])
def test_patches_equal_those_cut_from_full_masks(shape, window):
    for seed in range(3):
        labels, types, pairs = image(seed, shape)
        expected = [grain_by_mask(labels, types, i, window) for i in range(types.size)]
        np.testing.assert_array_equal(grains(labels, types, window), expected)
        expected = [boundary_by_masks(labels, types, pair, window) for pair in pairs]
        np.testing.assert_array_equal(boundaries(labels, types, pairs, window), expected)


@pytest.mark.parametrize("shift", [(1, 0), (0, -1), (17, 23), (-20, 39)])
def test_a_shift_of_the_periodic_image_changes_no_patch(shift):
    labels, types, pairs = image(5)
    moved = np.roll(labels, shift, (0, 1))
    np.testing.assert_array_equal(grains(moved, types, 24), grains(labels, types, 24))
    np.testing.assert_array_equal(boundaries(moved, types, pairs, 24), boundaries(labels, types, pairs, 24))


def test_a_grain_that_fits_shows_all_its_sites_in_the_grey_of_its_type():
    labels, types, _ = image(1)
    patches_of_grains = grains(labels, types)
    assert patches_of_grains.shape == (types.size, 96, 96) and patches_of_grains.dtype == np.uint8
    for i, patch in enumerate(patches_of_grains):
        assert set(np.unique(patch)) == {0, GREY[int(types[i])]}
        assert np.count_nonzero(patch) == np.count_nonzero(labels == i + 1)


def test_a_large_grain_is_cropped_around_its_middle():
    labels = np.zeros((200, 200), np.int32)
    labels[40:170, 180:] = labels[40:170, :110] = 1
    patch = grains(labels, np.array([1], np.int8))[0]
    assert (patch == GREY[1]).all()


def test_sites_at_the_boundary_are_raised_and_other_grains_do_not_show():
    labels = np.ones((64, 64), np.int32)
    labels[:, 32:] = 2
    labels[20:24, 10:14] = 3
    pairs = undirected(adjacency(labels, 3)[0])[0]
    types = np.array([1, 2, 0], np.int8)
    patch = boundaries(labels, types, pairs)[pairs.tolist().index([0, 2])]
    assert pairs.tolist() == [[0, 1], [0, 2]]
    middle = patch[22:26, 22:26]
    assert (middle[1:3, 1:3] == GREY[0]).all() and (middle[[0, 0, 3, 3], [0, 3, 0, 3]] == GREY[0] + RAISED).all()
    assert np.count_nonzero(patch == GREY[1] + RAISED) == 20  # the ring of sites around it, corners included
    assert GREY[2] not in patch


def test_both_directions_of_an_edge_share_a_patch_however_grains_are_numbered():
    labels, types, pairs = image(2)
    n = types.size
    before = boundaries(labels, types, pairs, 24)
    new = np.random.default_rng(0).permutation(n)
    renumbered = np.concatenate([[0], new + 1]).astype(np.int32)[labels]
    edges = adjacency(renumbered, n)[0]
    new_pairs, pair_of_edge = undirected(edges)
    after = boundaries(renumbered, types[np.argsort(new)], new_pairs, 24)
    index = {frozenset(pair): i for i, pair in enumerate(new_pairs.tolist())}
    for pair, patch in zip(pairs, before, strict=True):
        np.testing.assert_array_equal(patch, after[index[frozenset(new[pair].tolist())]])
    pair_index = {tuple(edge): i for edge, i in zip(edges.tolist(), pair_of_edge, strict=True)}
    assert len(edges) == 2 * len(new_pairs)
    assert all(pair_index[b, a] == i for (a, b), i in pair_index.items())


def test_grains_and_boundaries_without_sites_have_empty_patches():
    labels = np.zeros((10, 10), np.int32)
    labels[2:4, 2:4] = 1
    labels[7, 7] = 3
    types = np.array([0, 1, 2], np.int8)
    first, second, third = grains(labels, types)
    assert np.count_nonzero(first) == 4 and not second.any() and np.count_nonzero(third) == 1
    assert not boundaries(labels, types, np.array([[0, 1], [0, 2]])).any()
    assert boundaries(labels, types, np.zeros((0, 2), int)).shape == (0, 48, 48)


def microstructures(count: int = 7) -> list:
    return [microstructure(f"m{i}", i, size=20, grains=4 + i) for i in range(count)]


def test_a_stream_holds_all_patches_in_order_of_names_for_any_division_into_shards(tmp_path):
    originals = microstructures()
    shards.write(tmp_path / "all.h5", originals)
    for i in range(3):
        shards.write(tmp_path / f"{i}.h5", originals[i::3])
    for kind in (GRAIN, BOUNDARY):
        expected = np.concatenate([stream.compact(m).patches(kind) for m in originals])
        one_shard = list(stream.Sample(stream.read([tmp_path / "all.h5"]), kind).batches(10))
        assert [len(batch) for batch in one_shard[:-1]] == [10] * (len(expected) // 10)
        np.testing.assert_array_equal(np.concatenate(one_shard), expected)
        three = stream.Sample(stream.read([tmp_path / f"{i}.h5" for i in (2, 0, 1)]), kind).batches(10)
        np.testing.assert_array_equal(np.concatenate(list(three)), expected)


def test_random_order_yields_the_same_patches(monkeypatch):
    monkeypatch.setattr(stream, "POOL", 20)
    sample = stream.Sample([stream.compact(m) for m in microstructures()], GRAIN)
    rng = np.random.default_rng(0)
    orders = [np.concatenate(list(sample.batches(8, rng.permutation))) for _ in range(2)]
    in_order = np.concatenate(list(sample.batches(8)))
    assert not np.array_equal(*orders) and not np.array_equal(orders[0], in_order)
    for order in orders:
        np.testing.assert_array_equal(
            sorted(patch.tobytes() for patch in order), sorted(patch.tobytes() for patch in in_order)
        )
    backwards = next(sample.batches(8, lambda n: np.arange(n)[::-1]))  # begins with the last microstructures
    last = [stream.compact(m).patches(GRAIN) for m in microstructures()[-3:]]
    assert {patch.tobytes() for patch in backwards} <= {patch.tobytes() for patch in np.concatenate(last)}


@pytest.mark.parametrize("limit", [1, 2, 9, 48, 49, 50, 0])
def test_a_limit_takes_evenly_spaced_patches(limit):
    sample = stream.Sample([stream.compact(m) for m in microstructures()], GRAIN)
    everything = np.concatenate(list(sample.batches(7)))
    assert sample.size == len(everything) == 49
    limited = sample.at_most(limit)
    patches_taken = np.concatenate(list(limited.batches(7)))
    assert len(patches_taken) == limited.size == min(limit or 49, 49)
    positions = np.arange(limited.size) * 49 // limited.size
    np.testing.assert_array_equal(patches_taken, everything[positions])


@pytest.mark.parametrize("least", [1, 3, 8])
@pytest.mark.parametrize("batch", [8, 10, 16, 100])
def test_a_short_last_batch_joins_the_one_before(batch, least):
    sample = stream.Sample([stream.compact(m) for m in microstructures()], GRAIN)
    sizes = [len(patches) for patches in sample.batches(batch, least=least)]
    assert sum(sizes) == 49 and min(sizes) >= least and max(sizes) < batch + least
    assert set(sizes[:-1]) <= {batch}


def named(name: str, group: str) -> stream.LabelRuns:
    return stream.compact(replace(microstructures(1)[0], name=name, group=group))


def test_groups_are_held_out_by_name():
    compact = [named(f"n{i}", f"n{i}") for i in range(400)]
    train, held_out = stream.divided(compact, 0.25)
    assert 70 < len(held_out) < 130 and len(train) + len(held_out) == 400
    held_out_of_half = stream.divided(compact[:200], 0.25)[1]
    assert [m.name for m in held_out_of_half] == [m.name for m in held_out if int(m.name[1:]) < 200]
    for fraction in (1e-9, 1 - 1e-9):
        assert min(map(len, stream.divided(compact[:5], fraction))) == 1


def test_a_group_is_held_out_whole():
    compact = [named(f"{i % 7}/{i}", f"{i % 7}") for i in range(60)]
    for fraction in (1e-9, 0.3, 0.6, 1 - 1e-9):
        train, held_out = stream.divided(compact, fraction)
        assert train and held_out and len(train) + len(held_out) == 60
        assert not {m.group for m in train} & {m.group for m in held_out}


def test_a_single_group_cannot_be_divided():
    with pytest.raises(BadInput, match=r"two source microstructures or more.* there are 1"):
        stream.divided([named("a", "one"), named("b", "one")], 0.5)


def test_every_type_has_its_own_grey_levels_plain_and_raised():
    levels = [level + raised for level in GREY.values() for raised in (0, RAISED)]
    assert len({0, *levels}) == 7 and max(levels) <= 255
    assert set(patches.WINDOW) == set(patches.KINDS)
