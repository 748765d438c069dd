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
