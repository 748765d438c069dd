"""Fixtures and reporting shared by all tests."""

import functools
import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

for variable in ("MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS"):
    os.environ.pop(variable, None)  # under `make test`, a `make` of a test would be a make within it and say so
os.environ.pop("MLFLOW_TRACKING_URI", None)  # tests use stores of their own, whatever is set outside

os.environ.setdefault("OMP_NUM_THREADS", "1")  # as in a job of the workflow; threads cost time where matrices are small


@pytest.fixture(scope="session")
def raw_data() -> Path:
    """Folder of the published sample data; it is no part of the repository, so tests that need it may be skipped."""
    default = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    root = Path(os.environ.get("RAW_DATA_ROOT", default))
    if not root.is_dir():
        pytest.skip(f"no raw data: {root} is no folder (set RAW_DATA_ROOT)")
    return root


@pytest.fixture(autouse=True)
def no_store_of_another_test() -> Iterator[None]:
    """MLflow keeps the address of the store it used in the environment, where a later test's workflow would find it."""
    yield
    os.environ.pop("MLFLOW_TRACKING_URI", None)


LONGEST = ("finished", "test_published", "test_tutorial", "test_real_data", "test_extensions")
"""Groups of tests that take longest: they start first, so that no worker is left with one at the end."""


@functools.cache
def group(path: Path) -> str:
    """What a test file shares a worker with: all that need the finished workflow are one group, others stand alone."""
    needs_it = path.is_file() and re.search(r"^def test_.*\bfinished\b", path.read_text(encoding="utf-8"), re.MULTILINE)
    return "finished" if needs_it else path.stem


def pytest_collection_modifyitems(items):
    """Unit tests first, whose compiled functions later ones take over, then the longest, then the others."""
    items.sort(key=_rank)


def _rank(item) -> tuple:
    mine = group(item.path)
    return "unit" not in item.path.parts, LONGEST.index(mine) if mine in LONGEST else len(LONGEST)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """Groups of files are handed to the workers, in the order of the collection."""
    from xdist.scheduler import LoadScopeScheduling

    class ByGroup(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return group(config.rootpath / nodeid.partition("::")[0])

    return ByGroup(config, log)


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
