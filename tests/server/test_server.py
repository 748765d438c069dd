"""A tracking server with accounts on PostgreSQL: permissions, artifacts, secrets, failures and restarts."""

import base64
import json
import os
import shutil
import stat
import subprocess
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from tests.server.postgresql import PASSWORD
from tests.server.tracking_server import ADMIN, ADMIN_PASSWORD, track

API = "/api/2.0/mlflow"
SEARCH = f"{API}/experiments/search?max_results=10"
UNSENT = "unsent.json"


@pytest.fixture
def client(server, monkeypatch) -> MlflowClient:
    """MLflow's client, signed in as the administrator."""
    for name, value in server.client().items():
        monkeypatch.setenv(name, value)
    return MlflowClient(server.uri)


def run_of(client: MlflowClient, name: str):
    """The run of the one trial of an experiment."""
    experiment = client.get_experiment_by_name(f"graincast/{name}")
    assert experiment is not None
    (run,) = client.search_runs([experiment.experiment_id], "tags.`graincast.trial` LIKE '%'")
    return run


def job(folder: Path) -> Path:
    return folder / "trials" / "all"


def test_a_training_job_is_logged_to_the_server(server, client, experiment, tmp_path):
    folder = job(experiment("logged"))
    done = server.run_track(folder)
    assert done.returncode == 0 and not (folder / UNSENT).exists(), done.stderr
    run = run_of(client, "logged")
    (trial,) = json.loads((folder / "trials.json").read_text())["trials"]
    assert run.info.status == "FINISHED"
    assert run.data.metrics["best_validation_nll"] == trial["validation"]["nll"]
    assert run.info.artifact_uri.startswith("mlflow-artifacts:/")
    client.log_dict(run.info.run_id, trial, "trial.json")
    downloaded = client.download_artifacts(run.info.run_id, "trial.json", str(tmp_path))
    assert json.loads(Path(downloaded).read_text()) == trial


@pytest.mark.parametrize("user", [None, (ADMIN, ""), (ADMIN, "not-the-password"), ("nobody", ADMIN_PASSWORD)])
def test_a_missing_or_wrong_password_is_refused(server, user):
    assert server.status("/health", user) == 200  # public: says only that the server is up
    assert server.status(SEARCH, (ADMIN, ADMIN_PASSWORD)) == 200
    for path in ("/", SEARCH, "/api/2.0/mlflow-artifacts/artifacts?path=", "/api/2.0/mlflow/users/get?username=admin"):
        assert server.status(path, user) == 401, path


@pytest.mark.parametrize("password", ["not-the-password", None])
def test_a_job_that_the_server_refuses_succeeds_and_keeps_its_record(server, client, experiment, password):
    folder = job(experiment(f"refused-{password}"))
    variables = server.client(password="not-the-password")
    if password is None:
        variables = {"MLFLOW_TRACKING_URI": server.uri}
    done = server.run_track(folder, **variables)
    assert done.returncode == 0 and "401" in done.stderr, done.stderr
    assert (folder / UNSENT).is_file()
    assert client.get_experiment_by_name(f"graincast/refused-{password}") is None
    assert "not-the-password" not in done.stderr + (folder / UNSENT).read_text()


def test_artifacts_can_be_read_through_the_server_only(server, client, experiment):
    assert server.run_track(job(experiment("artifacts"))).returncode == 0
    run = run_of(client, "artifacts")
    client.log_text(run.info.run_id, "an artifact", "trial.json")
    artifacts = server.folder / "artifacts"
    (file,) = artifacts.rglob(f"{run.info.run_id}/artifacts/trial.json")
    for path in (server.folder, artifacts, *file.parents[: len(file.relative_to(artifacts).parts) - 1]):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    path = f"/api/2.0/mlflow-artifacts/artifacts/{file.relative_to(artifacts)}"
    assert server.request(path, (ADMIN, ADMIN_PASSWORD)) == (200, file.read_text())
    assert server.status(path) == 401
    assert server.status("/api/2.0/mlflow-artifacts/artifacts/%2e%2e/session-key", (ADMIN, ADMIN_PASSWORD)) >= 400
    if os.getuid() == 0 and shutil.which("setpriv"):
        nobody = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        assert subprocess.run([*nobody, "cat", file], capture_output=True).returncode != 0


def test_secrets_appear_in_no_argument_and_no_log(server):
    assert stat.S_IMODE((server.folder / "accounts.ini").stat().st_mode) == 0o600
    assert stat.S_IMODE((server.folder / "session-key").stat().st_mode) == 0o600
    key = (server.folder / "session-key").read_text()
    arguments = subprocess.run(["ps", "-eww", "-o", "args"], capture_output=True, text=True, check=True).stdout
    assert f"--port {server.port}" in arguments
    for secret in (ADMIN_PASSWORD, PASSWORD, key):
        assert secret not in arguments + server.log.read_text() + (server.folder / "accounts.ini").read_text()


def test_the_server_listens_on_the_loopback_address_only(server):
    sockets = subprocess.run(["ss", "-Hltn"], capture_output=True, text=True, check=True).stdout
    addresses = {line.split()[3] for line in sockets.splitlines() if line.split()[3].endswith(f":{server.port}")}
    assert addresses == {f"127.0.0.1:{server.port}"}
    assert server.status(SEARCH, (ADMIN, ADMIN_PASSWORD), Host="evil.example.org") == 403


def test_users_may_read_everything_and_write_only_to_their_own_experiments(server, client):
    user, admin = ("reader", "of-the-reader-12"), (ADMIN, ADMIN_PASSWORD)
    body = {"username": user[0], "password": user[1]}
    assert server.request(f"{API}/users/create", user=None, body=body)[0] == 401
    assert server.request(f"{API}/users/create", admin, body)[0] == 200
    admins = client.create_experiment("of-the-admin")
    assert server.status(f"{API}/experiments/get?experiment_id={admins}", user) == 200
    assert server.request(f"{API}/runs/create", user, {"experiment_id": admins})[0] == 403
    assert server.request(f"{API}/users/create", user, body | {"username": "another"})[0] == 403
    status, text = server.request(f"{API}/experiments/create", user, {"name": "of-the-reader"})
    assert status == 200
    assert server.request(f"{API}/runs/create", user, {"experiment_id": json.loads(text)["experiment_id"]})[0] == 200


def test_a_stopped_database_fails_no_job_and_loses_no_record(server, client, cluster, experiment):
    folder = experiment("late")
    cluster.stop()
    try:
        done = server.run_track(job(folder))
        assert done.returncode == 0 and (job(folder) / UNSENT).is_file(), done.stderr
    finally:
        cluster.start()
    done = track("sync", "--results", str(folder.parents[1]), **server.client())
    assert done.returncode == 0 and not (job(folder) / UNSENT).exists(), done.stderr
    assert run_of(client, "late").info.status == "FINISHED"


def test_a_restart_keeps_everything(server, client, experiment):
    assert server.run_track(job(experiment("lasting"))).returncode == 0
    before = run_of(client, "lasting")
    key = (server.folder / "session-key").read_text()
    server.stop()
    assert server.status("/health") == 0
    server.start()
    assert run_of(client, "lasting").to_dictionary() == before.to_dictionary()
    assert (server.folder / "session-key").read_text() == key


PLACED = [
    {"artifact_location": "file:{}"},
    {"artifactLocation": "file:{}"},
    {"artifact_location": "mlflow-artifacts:/1/somebody"},
    {"tags": [{"key": "mlflow.artifactLocation", "value": "file:{}"}]},
]


@pytest.mark.parametrize("api", ["api", "ajax-api"])
@pytest.mark.parametrize("placed", PLACED, ids=str)
def test_a_client_cannot_choose_where_the_server_writes(server, client, tmp_path, api, placed):
    outside = tmp_path / "outside"
    body = json.dumps({"name": f"placed {api} {next(iter(placed))}", **placed}).replace("{}", str(outside))
    request = urllib.request.Request(
        f"{server.uri}/{api}/2.0/mlflow/experiments/create", body.encode(), {"Content-Type": "application/json"}
    )
    login = base64.b64encode(f"{ADMIN}:{ADMIN_PASSWORD}".encode()).decode()
    request.add_header("Authorization", f"Basic {login}")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=60)
    assert refused.value.code == 400
    assert b"chosen by this server" in refused.value.read()
    assert client.get_experiment_by_name(json.loads(body)["name"]) is None
    with pytest.raises(MlflowException, match="chosen by this server"):
        client.create_experiment("placed by the client", artifact_location=outside.as_uri())
    assert not outside.exists()
    assert client.create_experiment(f"not placed {api} {placed}")
