"""Fixtures and reporting shared by all tests."""

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


LONGEST = ("finished", "test_published", "test_tutorial", "test_real_data", "test_extensions")
"""Groups of tests that take longest: they start first, so that no worker is left with one at the end."""


def pytest_collection_modifyitems(items):
    """With several workers, files that need the finished workflow run on one of them, others on any.

    The order is: unit tests, whose compiled functions later ones take over, then the longest, then the others.
    """
    need_it = {item.path for item in items if "finished" in item.fixturenames}
    for item in items:
        item.add_marker(pytest.mark.xdist_group("finished" if item.path in need_it else item.path.stem))
    items.sort(key=_rank)


def _rank(item) -> tuple:
    group = item.get_closest_marker("xdist_group").args[0]
    longest = LONGEST.index(group) if group in LONGEST else len(LONGEST)
    return "unit" not in item.path.parts, longest


FAILED_SETUPS: dict[int, tuple[BaseException, str]] = {}
"""Exceptions raised while a test was set up (by id, and kept so that no id is used twice), and the first test."""


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Report a shared fixture that failed as one error: further tests that need it are skipped and name the first."""
    report = yield
    if call.when == "setup" and report.failed:
        error = call.excinfo.value  # pytest raises the same object again for each test that wants the fixture
        _, first = FAILED_SETUPS.setdefault(id(error), (error, item.nodeid))
        if first != item.nodeid:
            path, line, _ = item.location
            report.outcome = "skipped"
            report.longrepr = (path, line or 0, f"Skipped: a fixture failed in the set-up of {first}")
    return report
