"""Fixtures that the tests of tracking share: they take long to make. What they need is imported by those who ask."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    """A results folder with a small experiment, and a fresh SQLite store beside it; to be copied, not changed."""
    from tests.tracked import made_results

    return made_results(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_folder) -> Iterator[str]:
    """The address of an MLflow server; who uses it takes an experiment_prefix of its own."""
    from tests.tracked_server import mlflow_server

    with mlflow_server(server_folder) as address:
        yield address
