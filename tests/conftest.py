"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def raw_data() -> Path:
    """Folder of the published sample data; it is no part of the repository, so tests that need it may be skipped."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    root = Path(os.environ.get("RAW_DATA_ROOT", default))
    if not root.is_dir():
        pytest.skip(f"no raw data: {root} is no folder (set RAW_DATA_ROOT)")
    return root


@pytest.hookimpl(tryfirst=True)  # before the groups are read
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep tests that share what they set up in one process; those on the cluster, which mostly wait, begin first."""
    for item in items:
        folder = item.path.parent.name
        item.add_marker(pytest.mark.xdist_group("hpc" if folder == "hpc" else f"{folder}/{item.path.stem}"))
    items.sort(key=lambda item: item.path.parent.name != "hpc")
