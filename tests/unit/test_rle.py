"""Run-length masks against a slow reference, round trips and malformed strings."""

import json

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.coco_rle import decode, encode_runs, paint, parse_size
from tests.synthetic import encode


def mask_of(runs, shape):
    """The mask by NumPy alone: alternating background and foreground, column by column."""
    values = np.arange(len(runs)) % 2 == 1
    return np.repeat(values, runs).reshape(shape[::-1]).T


@pytest.mark.parametrize("shape", [(1, 1), (1, 7), (7, 1), (5, 9), (64, 33)])
@pytest.mark.parametrize("fraction", [0.0, 0.1, 0.5, 0.9, 1.0])
def test_masks_survive_a_round_trip(shape, fraction):
    rng = np.random.default_rng(3)
    for _ in range(10):
        mask = rng.random(shape) < fraction
        runs = decode(encode(mask), shape)
        assert runs.dtype == np.int64
        np.testing.assert_array_equal(mask_of(runs, shape), mask)
        labels = np.zeros(shape, np.int32)
        assert paint(labels, runs, 7) == mask.sum()
        np.testing.assert_array_equal(labels, 7 * mask)


def test_a_string_worked_by_hand():
    """Runs 3 2 4 40 3 (sum 52): 40 - 2 = 38 takes two groups of bits, 3 - 4 = -1 takes one."""
    assert encode_runs([3, 2, 4, 40, 3]) == "324V1O"
    assert decode("324V1O", (26, 2)).tolist() == [3, 2, 4, 40, 3]


def test_published_masks_are_restored_exactly(raw_data):
    paths = sorted((raw_data / "deepspparks-json").glob("*.json"))
    if not paths:
        pytest.skip(f"no DeepSPPARKS graphs in {raw_data}")
    for i, path in enumerate(paths):
        for node in json.loads(path.read_bytes())["nodes"].values():
            counts = node["rle"]["counts"]
            runs = decode(counts, (512, 512))
            assert encode_runs(runs) == counts
            if i % 100 == 0:
                assert encode(mask_of(runs, (512, 512))) == counts


def test_overlapping_masks_are_refused():
    labels = np.zeros((4, 4), np.int32)
    runs = decode(encode(np.eye(4)), (4, 4))
    paint(labels, runs, 1)
    with pytest.raises(BadInput, match="overlaps"):
        paint(labels, runs, 2)


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
    with pytest.raises(BadInput, match=reason):
        decode(counts, (26, 2))


def test_sizes_are_read_from_lists_and_texts():
    assert parse_size([512, 256]) == parse_size("[512, 256]") == parse_size(" [512,256]") == (512, 256)
    for wrong in (None, [], [5], [5, 5, 5], [5, 0], [5, -5], [5.0, 5], [True, 5], "5, 5", "[a, b]", [10**9, 10**9], {}):
        with pytest.raises(BadInput):
            parse_size(wrong)
