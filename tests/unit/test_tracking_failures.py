"""Stores that are dead, die, are slow, refuse or are full: nothing fails, and what is unsent is sent later, once."""

import os
import subprocess
import time
from pathlib import Path

import pytest

from scripts import track
from tests.tracked import TRIALS, copied, job_of, runs_of, settings_of, tell
from tests.tracked_server import free_port, proxy


@pytest.fixture
def root(made, tmp_path):
    return copied(made, tmp_path / "root")


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")


def notes(root: Path) -> list[Path]:
    return [path for path in (job_of(root) / track.UNSENT, job_of(root).parents[1] / track.UNSENT) if path.is_file()]


def content(root: Path) -> dict[Path, bytes]:
    """All files of the results but the notes."""
    files = (path for path in (root / "results" / "experiments").rglob("*") if path.is_file())
    return {path: path.read_bytes() for path in files if path.name != track.UNSENT}


def fails_well(root: Path, settings: dict, capsys, within: float = 20) -> None:
    """Both steps end well in time and a line each, and the record stays whole beside the results."""
    before = content(root)
    for what, folder in (("trials", job_of(root)), ("experiment", job_of(root).parents[1])):
        capsys.readouterr()
        started = time.monotonic()
        assert tell(what, settings, folder) == 0
        assert time.monotonic() - started < within
        out, err = capsys.readouterr()
        assert (out, err.count("\n")) == ("", 1)
        assert err.startswith("tracking: ") and len(err) < 240
    assert content(root) == before
    assert len(notes(root)) == 2


def sent_once(root: Path, settings: dict, store: str, prefix: str, capsys) -> None:
    """A sync sends everything, a second one nothing."""
    capsys.readouterr()
    assert tell("sync", settings, root / "results") == 0
    assert capsys.readouterr().out == "tracking: 2 of 2 unsent records sent\n"
    assert not notes(root)
    first = counted(store, prefix)
    assert tell("sync", settings, root / "results") == 0
    assert capsys.readouterr().out == ""
    assert counted(store, prefix) == first


def counted(store: str, prefix: str) -> set[str]:
    from mlflow import MlflowClient

    client = MlflowClient(store)
    found = client.search_runs([client.get_experiment_by_name(f"{prefix}one").experiment_id])
    parents = [run for run in found if "graincast.parent" in run.data.tags]
    trials = [run.data.tags["graincast.trial"] for run in found if "graincast.trial" in run.data.tags]
    assert sorted(trials) == sorted(TRIALS)
    assert len(parents) == 1 and len(found) == 1 + len(TRIALS)
    assert {run.info.status for run in found} == {"FINISHED"}
    assert "test_accuracy_t8" in parents[0].data.metrics
    models = client.search_logged_models([found[0].info.experiment_id])
    assert len(models) == len(found)
    return {run.info.run_id for run in found}


def test_dead_at_the_start(root, server, capsys):
    fails_well(root, settings_of(root, store=f"http://127.0.0.1:{free_port()}"), capsys)
    settings = settings_of(root, store=server, experiment_prefix="dead/")
    sent_once(root, settings, server, "dead/", capsys)


@pytest.mark.parametrize("well", [6, 20, 45])
def test_dying_in_the_middle(root, server, capsys, well):
    prefix = f"dying{well}/"
    with proxy(server, "cut", well) as between:
        fails_well(root, settings_of(root, store=between.address, experiment_prefix=prefix), capsys)
        assert between.count > well
        between.failure = None
        sent_once(root, settings_of(root, store=between.address, experiment_prefix=prefix), server, prefix, capsys)


@pytest.mark.parametrize("well", [0, 20])
def test_thirty_seconds_a_call(root, server, capsys, well):
    with proxy(server, 30.0, well) as between:
        settings = settings_of(root, store=between.address, experiment_prefix=f"slow{well}/", timeout=1)
        fails_well(root, settings, capsys, within=6)
        started = time.monotonic()
        assert tell("sync", settings, root / "results") == 1
        assert time.monotonic() - started < 6
    settings = settings_of(root, store=server, experiment_prefix=f"slow{well}/")
    sent_once(root, settings, server, f"slow{well}/", capsys)


@pytest.mark.parametrize("status", [401, 403, 500])
def test_refusing(root, server, capsys, status):
    with proxy(server, status) as between:
        fails_well(root, settings_of(root, store=between.address), capsys)
    settings = settings_of(root, store=server, experiment_prefix=f"refused{status}/")
    sent_once(root, settings, server, f"refused{status}/", capsys)


def test_a_store_whose_disk_is_full(root, capsys):
    files = root / "mlartifacts"
    files.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(files)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root, to mount a small disk")
    try:
        fails_well(root, settings_of(root), capsys)
    finally:
        subprocess.run(["umount", str(files)], check=True)
    store = settings_of(root)["store"]
    sent_once(root, settings_of(root), store, "graincast/", capsys)


def test_an_experiment_waits_for_its_trials(root, capsys):
    job = job_of(root)
    dead = settings_of(root, store=f"http://127.0.0.1:{free_port()}")
    assert tell("trials", dead, job) == 0
    capsys.readouterr()
    assert tell("experiment", settings_of(root), job.parents[1]) == 0
    assert "left until the 1 unsent records of its trials are sent" in capsys.readouterr().err
    _, parents, children = runs_of(root)
    assert not parents and not children
    sent_once(root, settings_of(root), settings_of(root)["store"], "graincast/", capsys)


def test_slurm_jobs_leave_an_sqlite_store_to_the_process_at_the_end(root, monkeypatch, capsys):
    monkeypatch.setenv("SLURM_JOB_ID", "4711")
    for what, folder in (("trials", job_of(root)), ("experiment", job_of(root).parents[1])):
        assert tell(what, settings_of(root), folder) == 0
        assert "SLURM jobs do not write to an SQLite store" in capsys.readouterr().err
    monkeypatch.delenv("SLURM_JOB_ID")
    sent_once(root, settings_of(root), settings_of(root)["store"], "graincast/", capsys)
    _, (parent,), children = runs_of(root)
    assert {run.data.tags["graincast.slurm_job"] for run in (parent, *children.values())} == {"4711"}


def test_one_sync_at_a_time(root, capsys):
    import fcntl

    tell("trials", settings_of(root, store=f"http://127.0.0.1:{free_port()}"), job_of(root))
    lock = root / "results" / track.LOCK
    lock.parent.mkdir()
    capsys.readouterr()
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert tell("sync", settings_of(root), root / "results") == 0
    assert capsys.readouterr().out == "tracking: another process is sending what is unsent\n"
    assert len(notes(root)) == 1


def test_a_note_without_its_record_holds_up_nothing(root, capsys):
    tell("trials", settings_of(root, store=f"http://127.0.0.1:{free_port()}"), job_of(root))
    (job_of(root) / "trials.json").unlink()
    assert tell("sync", settings_of(root), root / "results") == 0
    assert not notes(root)
