"""A store that is down, dies, is slow, refuses or is full fails no step, and unsent records are sent once, later."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from scripts import track
from tests.recipes import recipe_file
from tests.tracked import ABOUT, ROOT, TRIALS, copied, experiment_of, job_of, run_track, runs_of, settings_of
from tests.tracked_server import free_port, proxy


@pytest.fixture
def root(original_results, tmp_path):
    return copied(original_results, tmp_path / "root")


@pytest.fixture(autouse=True)
def no_retries(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


def unsent_notes(root: Path) -> list[Path]:
    return [path for path in (job_of(root) / track.UNSENT, experiment_of(root) / track.UNSENT) if path.is_file()]


def result_files(root: Path) -> dict[Path, bytes]:
    """The content of all result files except the notes."""
    files = (path for path in (root / "results" / "experiments").rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name not in (track.UNSENT, "recipe.json", "sent.json")}


def assert_steps_succeed_unsent(root: Path, settings: dict, capsys) -> None:
    """Both steps succeed unanswered, with one line each, and leave the results unchanged and a note beside them."""
    before = result_files(root)
    for step, folder in (("trials", job_of(root)), ("experiment", experiment_of(root))):
        capsys.readouterr()
        assert run_track(step, settings, folder) == 0
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tracking: ") and len(err) < 240
    assert result_files(root) == before
    assert len(unsent_notes(root)) == 2


def assert_sync_sends_once(root: Path, settings: dict, store: str, prefix: str, capsys) -> None:
    """A sync sends everything, and a second one nothing."""
    capsys.readouterr()
    assert run_track("sync", settings, root / "results") == 0
    assert capsys.readouterr().out == "tracking: 2 of 2 unsent records sent\n"
    assert not unsent_notes(root)
    first = run_ids(store, prefix)
    assert run_track("sync", settings, root / "results") == 0
    assert capsys.readouterr().out == "tracking: nothing is unsent\n"
    assert run_ids(store, prefix) == first


def run_ids(store: str, prefix: str) -> set[str]:
    """The ids of all runs; asserts that they are one parent and one run per trial, finished and with models."""
    from mlflow import MlflowClient

    client = MlflowClient(store)
    runs = client.search_runs([client.get_experiment_by_name(f"{prefix}one").experiment_id])
    parents = [run for run in runs if "graincast.parent" in run.data.tags]
    trials = [run.data.tags["graincast.trial"] for run in runs if "graincast.trial" in run.data.tags]
    assert sorted(trials) == sorted(TRIALS)
    assert len(parents) == 1 and len(runs) == 1 + len(TRIALS)
    assert {run.info.status for run in runs} == {"FINISHED"}
    assert "test_accuracy_t8" in parents[0].data.metrics
    models = client.search_logged_models([runs[0].info.experiment_id])
    assert [(model.source_run_id, str(model.status)) for model in models] == [(parents[0].info.run_id, "READY")]
    return {run.info.run_id for run in runs}


def test_a_server_that_is_down_fails_no_step(root, server, capsys):
    assert_steps_succeed_unsent(root, settings_of(root, store=f"http://127.0.0.1:{free_port()}"), capsys)
    settings = settings_of(root, store=server, experiment_prefix="down/")
    assert_sync_sends_once(root, settings, server, "down/", capsys)


@pytest.mark.parametrize("calls", [3, 6, 12])
def test_a_server_that_dies_after_some_calls_fails_no_step(root, server, capsys, calls):
    prefix = f"dying{calls}/"
    with proxy(server, "cut", calls) as dying:
        settings = settings_of(root, store=dying.address, experiment_prefix=prefix)
        assert_steps_succeed_unsent(root, settings, capsys)
        assert dying.count > calls
        dying.failure = None
        assert_sync_sends_once(root, settings, server, prefix, capsys)


@pytest.mark.parametrize("calls", [0, 12])
def test_a_server_that_takes_thirty_seconds_per_call_delays_no_step_beyond_the_timeout(root, server, capsys, calls):
    prefix = f"slow{calls}/"
    with proxy(server, 30.0, calls) as slow:
        settings = settings_of(root, store=slow.address, experiment_prefix=prefix, timeout=1)
        assert_steps_succeed_unsent(root, settings, capsys)
        assert run_track("sync", settings, root / "results") == 1
    settings = settings_of(root, store=server, experiment_prefix=prefix)
    assert_sync_sends_once(root, settings, server, prefix, capsys)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_server_that_refuses_fails_no_step(root, server, capsys, status):
    with proxy(server, status) as refusing:
        assert_steps_succeed_unsent(root, settings_of(root, store=refusing.address), capsys)
    settings = settings_of(root, store=server, experiment_prefix=f"refused{status}/")
    assert_sync_sends_once(root, settings, server, f"refused{status}/", capsys)


def test_a_store_on_a_full_disk_fails_no_step(root, capsys):
    disk, database = root / "disk", root / "mlflow.db"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={database.stat().st_size + 4096}", "tmpfs", str(disk)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        shutil.copy(database, disk)
        assert_steps_succeed_unsent(root, settings_of(root, store=f"sqlite:///{disk}/mlflow.db"), capsys)
    finally:
        subprocess.run(["umount", "--lazy", str(disk)], check=True)  # MLflow holds the database open
    store = settings_of(root)["store"]
    assert_sync_sends_once(root, settings_of(root), store, "graincast/", capsys)


def test_an_experiment_waits_for_its_trials(root, capsys):
    job = job_of(root)
    down = settings_of(root, store=f"http://127.0.0.1:{free_port()}")
    assert run_track("trials", down, job) == 0
    capsys.readouterr()
    assert run_track("experiment", settings_of(root), experiment_of(root)) == 0
    assert "left until the 1 unsent records of its trials are sent" in capsys.readouterr().err
    _, parents, children = runs_of(root)
    assert not parents and not children
    assert_sync_sends_once(root, settings_of(root), settings_of(root)["store"], "graincast/", capsys)


def test_slurm_jobs_leave_an_sqlite_store_to_the_sync_at_the_end(root, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    for step, folder in (("trials", job_of(root)), ("experiment", experiment_of(root))):
        assert run_track(step, settings_of(root), folder) == 0
        assert "SLURM jobs do not write to an SQLite store" in capsys.readouterr().err
    monkeypatch.delenv("SLURM_JOB_ID")
    assert_sync_sends_once(root, settings_of(root), settings_of(root)["store"], "graincast/", capsys)


def test_only_one_sync_runs_at_a_time(root, capsys):
    import fcntl

    run_track("trials", settings_of(root, store=f"http://127.0.0.1:{free_port()}"), job_of(root))
    path = root / "results" / track.LOCK
    path.parent.mkdir()
    capsys.readouterr()
    with path.open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert run_track("sync", settings_of(root), root / "results") == 0
    assert capsys.readouterr().out == "tracking: another process is sending what is unsent\n"
    assert len(unsent_notes(root)) == 1


def test_a_note_whose_record_is_gone_blocks_nothing(root, capsys):
    run_track("trials", settings_of(root, store=f"http://127.0.0.1:{free_port()}"), job_of(root))
    (job_of(root) / "trials.json").unlink()
    assert run_track("sync", settings_of(root), root / "results") == 0
    assert not unsent_notes(root)


def test_a_killed_logging_step_leaves_a_record_and_still_makes_its_output(root, capsys):
    """As the rule does: what ends the program without a word is followed by `unsent`."""
    job = job_of(root)
    before = result_files(root)
    recipe = recipe_file(root / "recipe.json", **ABOUT)
    arguments = ["--recipe", recipe, "--folder", job, "--out", job / "sent.json"]
    with proxy("http://127.0.0.1:1", 30.0) as server:
        settings = json.dumps(settings_of(root, store=server.address))
        command = [sys.executable, "-m", "scripts.track", "--tracking", settings]
        logging = subprocess.Popen([*command, "trials", *map(str, arguments)], cwd=ROOT)
        while not server.count:
            assert logging.poll() is None
            time.sleep(0.05)
        logging.kill()
        assert logging.wait() == -signal.SIGKILL and not (job / "sent.json").exists()
        done = subprocess.run([*command, "unsent", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0 and "not sent (the program did not finish)" in done.stderr
    assert (job / "sent.json").is_file() and result_files(root) == before
    assert run_track("experiment", settings_of(root), experiment_of(root)) == 0
    assert_sync_sends_once(root, settings_of(root), settings_of(root)["store"], "graincast/", capsys)
