"""The SQLite store of MLflow: made whole, moved with its artifacts, named where it is damaged."""

import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from graincast.tracking import addresses, sqlite_store
from tests.tracked import ROOT, copied, experiment_of, job_of, log_execution, run_track, runs_of, settings_of


@pytest.fixture
def root(original_results, tmp_path):
    return copied(original_results, tmp_path / "root")


def command(store: Path) -> list[str]:
    tracking = f'{{"store": "sqlite:///{store}", "experiment_prefix": "graincast/", "timeout": 300}}'
    return [sys.executable, "-m", "scripts.track", "--tracking", tracking, "store"]


def kill_a_creation(store: Path) -> None:
    """Kill a process while it makes a store. One that ends before leaves a whole store, which is taken away again."""
    while True:
        process = subprocess.Popen(command(store), cwd=ROOT, stderr=subprocess.DEVNULL)
        while process.poll() is None and not list(store.parent.glob(f".{store.name}.*.partial")):
            time.sleep(0.001)
        process.kill()
        process.wait()
        if not store.exists():
            return
        sqlite_store.check(store)
        store.unlink()


def test_a_killed_creation_leaves_no_store_and_the_next_one_makes_it(tmp_path):
    store = tmp_path / "mlflow.db"
    for _ in range(3):
        kill_a_creation(store)
    subprocess.run(command(store), cwd=ROOT, check=True)
    sqlite_store.check(store)
    assert not list(tmp_path.glob(".mlflow.db.*"))


def test_an_alarm_waits_for_the_creation(tmp_path):
    calls = []

    def create(uri: str) -> None:
        signal.setitimer(signal.ITIMER_REAL, 0.01)
        time.sleep(0.05)
        calls.append("created")
        addresses.sqlite_file(uri).write_bytes(b"whole")

    before = signal.signal(signal.SIGALRM, lambda *_: calls.append("alarm"))
    try:
        sqlite_store.make(tmp_path / "mlflow.db", create)
    finally:
        signal.signal(signal.SIGALRM, before)
    assert calls == ["created", "alarm"]
    assert [path.name for path in tmp_path.iterdir()] == ["mlflow.db"]


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + bytes(84), None])
def test_a_damaged_store_is_named_with_the_remedy_and_its_results_are_kept(root, capsys, content):
    store = root / "mlflow.db"
    store.write_bytes(store.read_bytes()[:5000] if content is None else content)
    assert run_track("trials", settings_of(root), job_of(root)) == 0
    err = capsys.readouterr().err
    assert "not a complete MLflow store" in err and err.count("\n") == 1
    assert (job_of(root) / "unsent.json").is_file()
    store.rename(root / "away.db")
    assert run_track("sync", settings_of(root), root / "results") == 0


def test_artifacts_follow_a_store_that_is_moved_or_copied(root, tmp_path):
    log_execution(root)
    for act, there in ((shutil.copytree, tmp_path / "copy"), (shutil.move, tmp_path / "moved")):
        act(root, there)
        settings = settings_of(there)
        again = "import pathlib, sys, tests.tracked; tests.tracked.log_execution(pathlib.Path(sys.argv[1]))"
        subprocess.run([sys.executable, "-c", again, there], cwd=ROOT, check=True)  # MLflow remembers places of runs
        client, parents, _ = runs_of(there)
        for run in parents:
            assert run.info.artifact_uri.startswith((there / "mlartifacts").as_uri())
            assert "test_metrics.json" in {file.path for file in client.list_artifacts(run.info.run_id)}
        version = client.get_model_version_by_alias("graincast.one-t8", "champion")
        code = "import sys, mlflow; mlflow.set_tracking_uri(sys.argv[1]); mlflow.pyfunc.load_model(sys.argv[2])"
        arguments = [settings["store"], f"models:/{version.name}/{version.version}"]
        subprocess.run([sys.executable, "-c", code, *arguments], cwd=ROOT, check=True, capture_output=True)
        assert root.exists() == (act is shutil.copytree), list(root.rglob("*"))


@pytest.mark.parametrize("prefix", ["/Shared/x/", "../../x/", "a/../../../b/"])
def test_the_name_of_an_experiment_does_not_lead_out_of_the_artifacts(root, tmp_path, prefix):
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(root)}
    settings = settings_of(root, experiment_prefix=prefix)
    for step, folder in (("trials", job_of(root)), ("experiment", experiment_of(root))):
        assert run_track(step, settings, folder) == 0
    assert {path for path in tmp_path.rglob("*") if not path.is_relative_to(root)} == before
    assert not Path("/Shared").exists()
    assert list((root / "mlartifacts").rglob("test_metrics.json"))


@pytest.mark.parametrize("uri", ["sqlite:///{}", "sqlite:///{}?timeout=60", "sqlite+pysqlite:///{}"])
def test_all_spellings_of_an_address_share_one_lock(tmp_path, uri):
    assert addresses.sqlite_file(uri.format(tmp_path / "m.db")) == tmp_path / "m.db"
    assert addresses.sqlite_file("sqlite:///results/m.db") == Path("results/m.db")
    assert addresses.sqlite_file("http://host/sqlite:///x") is None


CREDENTIALS = [
    "postgresql://h/db?user=u&password=planted",
    "postgresql://h/db?sslpassword=planted",
    "http://u:a/b@h",
    "https://u:planted@h",
    "mssql+pyodbc:///?odbc_connect=DRIVER%3D{x};PWD%3Dplanted",
    "mysql://h/db?passwd=planted",
    "https://h/?api_key=planted",
    "https://h/mlflow?access_token=planted",
]


@pytest.mark.parametrize("uri", CREDENTIALS)
def test_a_credential_in_any_part_of_an_address_is_seen_and_masked(uri):
    assert addresses.has_login(uri)
    assert "planted" not in addresses.masked(f"cannot reach {uri}: refused")
    assert "a/b" not in addresses.masked(f"cannot reach {uri}: refused")


@pytest.mark.parametrize("uri", ["sqlite:///results/mlflow.db", "sqlite:////home/a@b/m.db", "https://h:5000/x?page=2"])
def test_an_address_without_a_credential_is_left_alone(uri):
    assert not addresses.has_login(uri)
    assert addresses.masked(f"sent to {uri}") == f"sent to {uri}"


def test_what_a_killed_writer_left_half_written_is_undone(root):
    """Its journal holds the former pages; a reader that may not write could neither undo nor read."""
    store = root / "mlflow.db"
    before = len(runs_of(root))
    script = (
        "import os, signal, sqlite3, sys\n"
        "database = sqlite3.connect(sys.argv[1])\n"
        "database.execute('PRAGMA cache_size = 1')\n"  # pages reach the file before the transaction ends
        "database.execute('CREATE TABLE half (value TEXT)')\n"
        "database.executemany('INSERT INTO half VALUES (?)', (('x' * 500,) for _ in range(3000)))\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", script, str(store)], check=False)
    assert Path(f"{store}-journal").stat().st_size > 0
    sqlite_store.check(store)
    assert len(runs_of(root)) == before
