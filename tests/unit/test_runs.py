"""Run-length code of label images: exact round trips, and refused inputs."""

import numpy as np
import pytest

from graincast.graphs.label_runs import decode, encode


def blocky(rng, shape, values):
    """A random image whose runs are of all lengths, some longer than many rows."""
    size = int(np.prod(shape))
    flat = np.repeat(rng.choice(values, size), np.ceil(rng.pareto(0.7, size) + 0.01).clip(max=size).astype(int))[:size]
    return flat.reshape(shape).astype(np.int32)


@pytest.mark.parametrize("shape", [(1, 1), (1, 70), (70, 1), (7, 5), (31, 33), (64, 64), (100, 129)])
def test_round_trip_is_exact(shape):
    rng = np.random.default_rng(shape[0])
    for values in ([0], [0, 1], np.arange(50), [-(2**31), -1, 0, 2**31 - 1]):
        labels = blocky(rng, shape, values)
        value, length = encode(labels)
        assert value.dtype == length.dtype == np.int32
        assert length.min() >= 1
        assert (np.diff(value.astype(np.int64)) != 0).all()
        decoded = decode(value, length, shape)
        assert decoded.dtype == np.int32
        np.testing.assert_array_equal(decoded, labels)


@pytest.mark.parametrize("change", [1, 2, 31, 32, 33, 34, 63, 64, 65, 66, 95, 96, 97])
def test_a_single_change_is_found_at_any_position(change):
    labels = np.zeros(98, np.int32)
    labels[change:] = 1
    value, length = encode(labels)
    assert value.tolist() == [0, 1]
    assert length.tolist() == [change, 98 - change]


def test_runs_continue_over_the_ends_of_rows():
    value, length = encode(np.array([[1, 1, 0], [0, 0, 2]]))
    assert (value.tolist(), length.tolist()) == ([1, 0, 2], [2, 3, 1])


def test_memory_order_and_integer_type_do_not_matter():
    labels = blocky(np.random.default_rng(0), (40, 30), np.arange(9))
    expected = encode(labels)
    for image in (np.asfortranarray(labels), labels.astype(np.int64), labels.astype(np.uint8), labels[::-1][::-1]):
        for encoded, reference in zip(encode(image), expected, strict=True):
            np.testing.assert_array_equal(encoded, reference)


def test_an_empty_image_has_no_runs():
    value, length = encode(np.empty((0, 5), np.int32))
    assert value.size == length.size == 0
    assert decode(value, length, (0, 5)).shape == (0, 5)


@pytest.mark.parametrize(
    ("value", "length", "reason"),
    [
        ([1, 2], [3, 4], "runs of 7 pixels cannot fill"),
        ([1, 2], [2**31 - 1, 2**31 - 1], "cannot fill"),
        ([1, 2], [6], "do not match"),
        ([1, 2], [7, -1], "at least 1"),
        ([1, 2], [6, 0], "at least 1"),
    ],
)
def test_a_code_that_does_not_fill_its_image_is_refused(value, length, reason):
    with pytest.raises(ValueError, match=reason):
        decode(np.array(value), np.array(length), (2, 3))


@pytest.mark.parametrize("labels", [[[1.0, 2.0]], [[2**31]], [[-(2**31) - 1]]])
def test_labels_that_do_not_fit_are_refused(labels):
    with pytest.raises(ValueError, match=r"int32|integers"):
        encode(np.array(labels))
