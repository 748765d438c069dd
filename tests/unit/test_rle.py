"""Run-length masks against a slow reference, round trips and malformed strings."""

import json

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.coco_rle import encode_runs, paint_masks, parse_size
from graincast.raw.deepspparks_writing import masks
from tests.synthetic import encode


def mask_of(runs, shape):
    """The mask by NumPy alone: alternating background and foreground, column by column."""
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape[::-1]).T


def painted(counts, runs, shape):
    """The image of one mask, by the reader and by the reference."""
    return paint_masks({"mask": counts}, shape)[0], mask_of(runs, shape)


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 9), (64, 33)])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_masks_survive_a_round_trip(shape, fraction):
    rng = np.random.default_rng(3)
    for _ in range(10):
        mask = rng.random(shape) < fraction
        parts = {name: part for name, part in (("grains", mask), ("others", ~mask)) if part.any()}
        labels, area = paint_masks({name: encode(part) for name, part in parts.items()}, shape)
        assert labels.dtype == np.int32 and area.tolist() == [part.sum() for part in parts.values()]
        for label, part in enumerate(parts.values(), 1):
            np.testing.assert_array_equal(labels == label, part)


@pytest.mark.parametrize("shape", [(1, 1), (7, 1), (5, 9), (64, 33)])
def test_rows_with_a_site_of_a_mask_are_told(shape):
    rng = np.random.default_rng(4)
    for fraction in (0.01, 0.1, 0.9):
        mask = rng.random(shape) < fraction
        mask[rng.integers(shape[0]), rng.integers(shape[1])] = True
        rows = np.zeros(shape[0], bool)
        paint_masks({"mask": encode(mask)}, shape, rows)
        np.testing.assert_array_equal(rows, mask.any(axis=1))


def test_a_string_worked_by_hand():
    """Runs 3 2 4 40 3 (sum 52): 40 - 2 = 38 takes two groups of bits, 3 - 4 = -1 takes one."""
    assert encode_runs([3, 2, 4, 40, 3]) == "324V1O"
    np.testing.assert_array_equal(*painted("324V1O", [3, 2, 4, 40, 3], (26, 2)))


def test_published_masks_are_restored_exactly(raw_data):
    paths = sorted((raw_data / "deepspparks-json").glob("*.json"))
    if not paths:
        pytest.skip(f"no DeepSPPARKS graphs in {raw_data}")
    for path in paths:
        counts = {key: node["rle"]["counts"] for key, node in json.loads(path.read_bytes())["nodes"].items()}
        labels, _ = paint_masks(counts, (512, 512))
        assert masks(labels, len(counts)) == list(counts.values())


def test_overlapping_masks_are_refused():
    diagonal, corner = np.eye(4), np.diag([0, 0, 0, 1])
    with pytest.raises(BadInput, match="node 7: the mask overlaps another one"):
        paint_masks({"node 3": encode(diagonal), "node 7": encode(corner)}, (4, 4))


def test_empty_masks_are_refused():
    with pytest.raises(BadInput, match="node 3: its mask is empty"):
        paint_masks({"node 3": encode(np.zeros((4, 4)))}, (4, 4))


@pytest.mark.parametrize(
    ("counts", "reason"),
    [
        ("", "do not fit"),
        ("324V1", "do not fit"),
        ("324V1O1", "do not fit"),
        ("324V", "malformed"),
        ("32 V1O", "malformed"),
        ("32\N{GREEK SMALL LETTER ALPHA}1O", "malformed"),
        ("oooooooooooooooooooo", "malformed"),
        ("3O4", "negative"),
        ("PPPPP1", "do not fit"),
        (None, "text"),
        (["3"], "text"),
    ],
)
def test_malformed_strings_are_refused(counts, reason):
    with pytest.raises(BadInput, match=f"node 7: .*{reason}"):
        paint_masks({"node 3": encode(np.eye(26, 2)), "node 7": counts}, (26, 2))


def test_sizes_are_read_from_lists_and_texts():
    assert parse_size([512, 256]) == parse_size("[512, 256]") == parse_size(" [512,256]") == (512, 256)
    for wrong in (None, [], [5], [5, 5, 5], [5, 0], [5, -5], [5.0, 5], [True, 5], "5, 5", "[a, b]", [10**9, 10**9], {}):
        with pytest.raises(BadInput):
            parse_size(wrong)
