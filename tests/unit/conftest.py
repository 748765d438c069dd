"""Fixtures shared by unit tests."""

from collections.abc import Iterator

import pytest

pytest.register_assert_rewrite("tests.unit.model_suite")


@pytest.fixture(scope="module")
def one_thread() -> Iterator[None]:
    """torch on one thread: threads cost time where matrices are small."""
    import torch

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
