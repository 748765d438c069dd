"""The MLflow store: its address, the client, the experiments in it, and searches that go through all pages."""

import contextlib
import fcntl
import os
import urllib.parse
import warnings
from collections.abc import Iterator
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException

from graincast.tracking import addresses

SQLITE = "sqlite:///"
_HELD: set[str] = set()


def connect(tracking: dict) -> MlflowClient:
    """A client of the configured store, or of MLFLOW_TRACKING_URI; a fresh SQLite store is created by one process."""
    uri = _without_password(addresses.address(tracking))
    mlflow.set_tracking_uri(uri)
    with alone(uri), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        client = MlflowClient(uri)  # this alone creates a fresh store
        client.search_experiments(max_results=1)
    return client


def _without_password(uri: str) -> str:
    """A server's address without user and password, which MLflow is given in its variables: it repeats addresses."""
    parts = urllib.parse.urlsplit(uri)
    if not parts.scheme.startswith("http") or "@" not in parts.netloc:
        return uri
    for name, value in (("USERNAME", parts.username), ("PASSWORD", parts.password)):
        if value:
            os.environ[f"MLFLOW_TRACKING_{name}"] = urllib.parse.unquote(value)
    return urllib.parse.urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def experiment(client: MlflowClient, name: str) -> str:
    """The id of an experiment of this name, made or restored where need be."""
    found = client.get_experiment_by_name(name)
    if found:
        if found.lifecycle_stage == "deleted":
            client.restore_experiment(found.experiment_id)
        return found.experiment_id
    uri = mlflow.get_tracking_uri()
    location = None
    if uri.startswith(SQLITE):
        location = (Path(uri.removeprefix(SQLITE)).resolve().parent / "mlartifacts" / name).as_uri()
    try:
        return client.create_experiment(name, artifact_location=location)
    except MlflowException:
        found = client.get_experiment_by_name(name)  # another job was faster
        if found is None:
            raise
        return found.experiment_id


def runs_where(client: MlflowClient, experiment_id: str, **tags: str) -> list[Run]:
    """All runs of an experiment whose tags graincast.NAME have these values (None: any), the earliest first."""
    wanted = [
        f"tags.`graincast.{name}` {'!=' if value is None else '='} {_quoted(value or '')}"
        for name, value in tags.items()
    ]
    order = ["attributes.start_time ASC", "attributes.run_id ASC"]
    found: list[Run] = []
    token = None
    while True:
        page = client.search_runs(
            [experiment_id], " AND ".join(wanted), max_results=1000, order_by=order, page_token=token
        )
        found += page
        token = page.token
        if not token:
            return found


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "") + "'"


def delete(client: MlflowClient, run: Run) -> None:
    """Delete a run the MLflow way, and the models it made, which would stay listed without it; also one that it was
    interrupted in making.
    """
    its = f"source_run_id = '{run.info.run_id}'"
    for model in client.search_logged_models([run.info.experiment_id], filter_string=its):
        client.delete_logged_model(model.model_id)
    client.delete_run(run.info.run_id)


@contextlib.contextmanager
def alone(uri: str) -> Iterator[None]:
    """Hold an SQLite store's lock, once a process: one that several create at once is broken, and of many writers
    SQLite tells some that the database is locked.
    """
    if not uri.startswith(SQLITE) or uri in _HELD:
        yield
        return
    path = Path(uri.removeprefix(SQLITE))
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.with_name(path.name + ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        _HELD.add(uri)
        try:
            yield
        finally:
            _HELD.discard(uri)
