"""A shared fixture that fails is one error, however many tests want it."""

import subprocess
import sys
from pathlib import Path

PROJECT = Path(__file__).parents[2]
TESTS = """
import pytest

@pytest.fixture(scope="session")
def shared():
    raise RuntimeError("no disk left")

@pytest.fixture
def own():
    raise RuntimeError("of this test alone")

@pytest.mark.parametrize("number", range(20))
def test_shared(shared, number):
    pass

@pytest.mark.parametrize("number", range(2))
def test_own(own, number):
    pass
"""


def test_one_error_for_a_shared_fixture_and_one_for_each_test_of_its_own(tmp_path):
    (tmp_path / "test_it.py").write_text(TESTS)
    (tmp_path / "conftest.py").write_text((PROJECT / "tests/conftest.py").read_text())
    command = [sys.executable, "-m", "pytest", "-rs", "-p", "no:cacheprovider", "-p", "no:xdist", "."]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 1
    assert "19 skipped, 3 errors" in done.stdout, done.stdout
    assert "a fixture failed in the set-up of test_it.py::test_shared[0]" in done.stdout
