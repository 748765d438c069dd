"""Back up, lose everything, restore: on PostgreSQL and on SQLite."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from mlflow import MlflowClient

from tests.server.tracking_server import ADMIN, ADMIN_PASSWORD, TrackingServer, program

WORKERS = {"TRACKING_WORKERS": 1}


def write(client: MlflowClient, folder: Path) -> None:
    """Log an experiment with one run, values and files, and register a model with an alias."""
    experiment = client.create_experiment("precious")
    run = client.create_run(experiment, run_name="one").info.run_id
    client.log_metric(run, "loss", 0.25, step=3)
    client.log_param(run, "hops", "2")
    for name in ("weights.bin", "notes/of it.txt"):
        path = folder / Path(name).name
        path.write_bytes(name.encode() * 1000)
        client.log_artifact(run, str(path), str(Path(name).parent) if "/" in name else None)
    client.set_terminated(run)
    client.create_registered_model("chosen")
    source = client.get_run(run).info.artifact_uri
    version = client.create_model_version("chosen", f"{source}/weights.bin", run).version
    client.set_registered_model_alias("chosen", "champion", version)


def read_back(client: MlflowClient, folder: Path) -> dict:
    """Everything that `write` wrote, read through the server."""
    folder.mkdir()
    experiment = client.get_experiment_by_name("precious")
    (run,) = client.search_runs([experiment.experiment_id])
    version = client.get_model_version_by_alias("chosen", "champion")
    local = Path(client.download_artifacts(run.info.run_id, "", str(folder)))
    files = {path.relative_to(local).as_posix(): path.read_bytes() for path in local.rglob("*") if path.is_file()}
    assert len(files) == 2
    return {"run": run.to_dictionary(), "version": (version.version, version.run_id, version.source), "files": files}


@pytest.mark.parametrize("kind", ["postgresql", "sqlite"])
def test_a_backup_restores_a_lost_server(request, tmp_path, kind, monkeypatch):
    cluster = request.getfixturevalue("cluster") if kind == "postgresql" else None
    server = TrackingServer(tmp_path / f"lost_{kind}", cluster, **WORKERS)
    for name, value in server.client().items():
        monkeypatch.setenv(name, value)
    client = MlflowClient(server.uri)
    backups = tmp_path / "backups"
    body = {"username": "reader", "password": "of-the-reader-12"}
    try:
        server.start()
        write(client, tmp_path)
        assert server.request("/api/2.0/mlflow/users/create", (ADMIN, ADMIN_PASSWORD), body)[0] == 200
        before = read_back(client, tmp_path / "before")
        done = program("backup", backups, **server.settings)  # while the server runs
        assert done.returncode == 0, done.stderr
        backup = Path(done.stdout.splitlines()[-1])
        assert list(backups.iterdir()) == [backup] and backup.stat().st_mode & 0o077 == 0
        refused = program("restore", backup, **server.settings)
        assert refused.returncode == 2 and "not empty" in refused.stderr and refused.stderr.count("\n") == 1
        server.stop()
        shutil.rmtree(server.folder)
        if cluster:
            cluster.drop(server.folder.name, f"{server.folder.name}_auth")
        done = program("restore", backup, **server.settings)
        assert done.returncode == 0, done.stderr
        server.start()
        assert read_back(client, tmp_path / "after") == before
        assert server.status("/api/2.0/mlflow/experiments/search?max_results=1", tuple(body.values())) == 200
    finally:
        server.stop()


@pytest.fixture
def small(tmp_path) -> tuple[dict, Path]:
    """The settings of a server folder with tiny SQLite files, and a backup of it."""
    folder = tmp_path / "small"
    (folder / "artifacts").mkdir(parents=True)
    (folder / "artifacts" / "a.txt").write_text("a")
    for name in ("mlflow", "accounts"):
        with closing(sqlite3.connect(folder / f"{name}.db")) as database:
            database.execute("CREATE TABLE t (a)")
    settings = {"TRACKING_FOLDER": folder}
    done = program("backup", tmp_path / "backups", **settings)
    assert done.returncode == 0, done.stderr
    return settings, Path(done.stdout.strip())


def test_a_failed_backup_leaves_nothing(small, tmp_path):
    settings, _ = small
    (settings["TRACKING_FOLDER"] / "accounts.db").unlink()
    done = program("backup", tmp_path / "others", **settings)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert list((tmp_path / "others").iterdir()) == []


@pytest.mark.parametrize("name", ["mlflow.db", "accounts.db", "artifacts.tar"])
def test_a_damaged_backup_is_refused_and_nothing_is_written(small, tmp_path, name):
    _, backup = small
    content = bytearray((backup / name).read_bytes())
    content[len(content) // 2] ^= 1
    (backup / name).write_bytes(content)
    done = program("restore", backup, TRACKING_FOLDER=tmp_path / "new")
    assert done.returncode == 2 and "damaged" in done.stderr and done.stderr.count("\n") == 1
    assert not (tmp_path / "new").exists()


def test_a_backup_of_another_kind_of_database_is_refused(small, tmp_path):
    _, backup = small
    database = {"TRACKING_DATABASE": "postgresql://a@127.0.0.1:1/b", "TRACKING_DATABASE_PASSWORD": "of-the-database-1"}
    done = program("restore", backup, TRACKING_FOLDER=tmp_path / "new", **database)
    assert done.returncode == 2 and "another kind" in done.stderr
    assert set(json.loads((backup / "manifest.json").read_text())["sha256"]) == {
        "accounts.db", "mlflow.db", "artifacts.tar",
    }  # fmt: skip
