"""A checkout in which the small configuration has run once."""

from pathlib import Path

import pytest

from tests.workflow import checkout, small


@pytest.fixture(scope="session")
def finished(tmp_path_factory) -> Path:
    """A checkout in which the small configuration has run, its raw data in the folder `raw` beside it."""
    root = tmp_path_factory.mktemp("workflow")
    folder = checkout.copy_project(root / "checkout")
    small.write_raw_data(root / "raw")
    small.write_configuration(folder / "config")
    ran = checkout.run(folder, "--configfile", "config/small.yaml", RAW_DATA_ROOT=str(root / "raw"))
    assert ran.returncode == 0, ran.stdout
    return folder


@pytest.fixture(autouse=True)
def raw_data_root(monkeypatch, request) -> None:
    if "finished" in request.fixturenames:
        folder = request.getfixturevalue("finished")
        monkeypatch.setenv("RAW_DATA_ROOT", str(folder.parent / "raw"))
