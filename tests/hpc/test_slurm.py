"""The whole workflow in containers under SLURM gives the results of a plain run, and reruns only what changed."""

import shutil
import subprocess

import pytest

from tests.hpc.runs import ON_SLURM, assert_nothing_partial, assert_same_results
from tests.workflow.checkout import jobs


@pytest.fixture(scope="module")
def finished(make_checkout, area):
    """A finished run on SLURM, with its results behind a symlink and a broken numba on the host's path."""
    (area / "poison/numba").mkdir(parents=True)
    (area / "poison/numba/__init__.py").write_text("raise SystemExit('the host leaked in')")
    checkout = make_checkout("slurm", symlinked=True)
    done = checkout.run(*ON_SLURM, PYTHONPATH=str(area / "poison"))
    assert done.returncode == 0, done.stdout
    return checkout


def test_results_equal_those_of_a_plain_run(finished, local):
    assert_same_results(finished, local)
    assert_nothing_partial(finished)
    submitted = finished.jobs()
    assert {state for _, state in submitted.values()} == {"COMPLETED"}
    rules = {comment.removeprefix("rule_").partition("_wildcards")[0] for comment in submitted}
    assert rules == {"simulate", "graphs", "summarise", "features", "train", "evaluate"}


def test_each_trial_is_tracked_once(finished, local):
    import sqlite3

    for checkout in (finished, local):
        with sqlite3.connect(checkout.folder / "results/mlflow.db") as store:
            runs = store.execute(
                "select status, count(*) from runs where lifecycle_stage = 'active' group by 1"
            ).fetchall()
        assert runs == [("FINISHED", 6)]  # two experiments, each with two trials and a parent


def test_a_second_run_does_nothing(finished):
    before = finished.jobs()
    done = finished.run(*ON_SLURM)
    assert done.returncode == 0 and "Nothing to be done" in done.stdout, done.stdout
    assert finished.jobs() == before


def test_a_changed_learning_rate_reruns_training_and_the_steps_after_it(finished):
    path = finished.folder / "config/experiments/given.yaml"
    path.write_text(path.read_text().replace("learning_rate: [0.1]", "learning_rate: [0.2]"))
    done = finished.run(*ON_SLURM)
    assert done.returncode == 0, done.stdout
    assert jobs(done.stdout) - {"all"} == {
        "train:given/all",
        "measure:given/all",
        "log_trials:given/all",
        "log_experiment:given",
        "evaluate:given",
        "figures:given",
        "model_card:given",
        "compare",
        "comparison_figure",
    }


def test_two_users_can_run_the_same_configuration_at_once(make_checkout, cluster):
    """Each in their own clone."""
    user = "graincast-test"
    if subprocess.run(["id", user], capture_output=True).returncode:
        subprocess.run(["useradd", "--no-create-home", "--shell", "/bin/bash", user], check=True)
    target = "results/datasets/made/graphs/0000.h5"
    roots, users = make_checkout("of-root"), make_checkout("of-user")
    subprocess.run(["chown", "-R", user, str(users.folder)], check=True)
    shutil.rmtree(roots.folder / "results", ignore_errors=True)
    processes = [roots.start(target, *ON_SLURM), users.start(target, *ON_SLURM, user=user)]
    assert [process.wait(timeout=3600) for process in processes] == [0, 0], roots.log() + users.log()
    assert {(roots.folder / target).owner(), (users.folder / target).owner()} == {"root", user}
    owners = {path.owner() for path in (users.folder / "results").rglob("*")}
    assert owners == {user}
    assert not set(dict(roots.jobs().values())) & set(dict(users.jobs().values()))
