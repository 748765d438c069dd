"""Fixtures of tracking. They import what they need only when used."""

from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def original_results(tmp_path_factory) -> Path:
    """A results folder with a small experiment and a fresh SQLite store beside it. Copy it; do not change it."""
    from tests.tracked import make_results

    return make_results(tmp_path_factory.mktemp("made"))


@pytest.fixture(scope="session")
def server_folder(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("server")


@pytest.fixture(scope="session")
def server(server_folder) -> Iterator[str]:
    """The address of an MLflow server; each test uses its own experiment_prefix."""
    from tests.tracked_server import mlflow_server

    with mlflow_server(server_folder) as address:
        yield address
