"""The whole workflow in containers under SLURM: the same results as a plain run, and exact staleness."""

import shutil
import subprocess

import pytest

from tests.hpc.runs import ON_SLURM, assert_nothing_partial, assert_same_results
from tests.workflow.checkout import jobs


@pytest.fixture(scope="module")
def finished(make_checkout, area):
    """A run of the small workflow on SLURM, its results behind a symlink, with a poisoned numba on the host's path."""
    (area / "poison/numba").mkdir(parents=True)
    (area / "poison/numba/__init__.py").write_text("raise SystemExit('the host leaked in')")
    checkout = make_checkout("slurm", symlinked=True)
    done = checkout.run(*ON_SLURM, PYTHONPATH=str(area / "poison"))
    assert done.returncode == 0, done.stdout
    return checkout


def test_results_equal_a_plain_run(finished, local):
    assert_same_results(finished, local)
    assert_nothing_partial(finished)
    submitted = finished.jobs()
    assert {state for _, state in submitted.values()} == {"COMPLETED"}
    rules = {comment.removeprefix("rule_").partition("_wildcards")[0] for comment in submitted}
    assert rules == {"simulate", "graphs", "summarise", "features", "train", "evaluate"}


def test_all_trials_are_tracked(finished, local):
    """The store holds each trial once, under its experiment's parent."""
    import sqlite3

    for checkout in (finished, local):
        with sqlite3.connect(checkout.folder / "results/mlflow.db") as store:
            runs = store.execute(
                "select status, count(*) from runs where lifecycle_stage = 'active' group by 1"
            ).fetchall()
        assert runs == [("FINISHED", 6)]  # two trials and a parent, twice


def test_a_second_run_does_nothing(finished):
    before = finished.jobs()
    done = finished.run(*ON_SLURM)
    assert done.returncode == 0 and "Nothing to be done" in done.stdout, done.stdout
    assert finished.jobs() == before


def test_a_changed_learning_rate_reruns_training_and_after(finished):
    path = finished.folder / "config/experiments/given.yaml"
    path.write_text(path.read_text().replace("learning_rate: [0.1]", "learning_rate: [0.2]"))
    done = finished.run(*ON_SLURM)
    assert done.returncode == 0, done.stdout
    assert jobs(done.stdout) - {"all"} == {
        "train:given/all",
        "evaluate:given",
        "figures:given",
        "compare",
        "comparison_figure",
    }


def test_two_users_do_not_meet(make_checkout, cluster):
    """Two users run the same configuration at once, each in a clone of their own."""
    user = "graincast-test"
    if subprocess.run(["id", user], capture_output=True).returncode:
        subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/bash", user], check=True)
    target = "results/datasets/made/graphs/0000.h5"
    one, other = make_checkout("user-one"), make_checkout("user-other")
    subprocess.run(["chown", "-R", user, str(other.folder)], check=True)
    shutil.rmtree(one.folder / "results", ignore_errors=True)
    processes = [one.start(target, *ON_SLURM), other.start(target, *ON_SLURM, user=user)]
    assert [process.wait(timeout=3600) for process in processes] == [0, 0], one.log() + other.log()
    assert {(one.folder / target).owner(), (other.folder / target).owner()} == {"root", user}
    owners = {path.owner() for path in (other.folder / "results").rglob("*")}
    assert owners == {user}
    assert not set(dict(one.jobs().values())) & set(dict(other.jobs().values()))
