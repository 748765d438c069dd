"""Parent runs, one per execution of an experiment; the trials' runs are under the latest one."""

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from graincast.tracking import store

PARENT = "mlflow.parentRunId"
RECIPE = "graincast.recipe"
"""The tag with a digest of what a record was made from."""
SUPERSEDED = "graincast.superseded_by"


def of_trials(client: MlflowClient, experiment_id: str, name: str, note: dict) -> Run:
    """The parent run for trials: that of the note's execution or, if they are logged once more, the latest one."""
    current = latest(client, experiment_id, name) if note["again"] else None
    return current or find_or_create(client, experiment_id, name, note)


def latest(client: MlflowClient, experiment_id: str, name: str) -> Run | None:
    """The latest parent run of an experiment, if there is one."""
    found = store.runs_where(client, experiment_id, parent=name)
    return next((run for run in reversed(found) if SUPERSEDED not in run.data.tags), None)


def find_or_create(client: MlflowClient, experiment_id: str, name: str, note: dict) -> Run:
    """The parent run of the execution in a note, created if missing. If several jobs create one, the first wins."""
    tags = {"parent": name, "execution": note["tags"]["graincast.execution"]}
    with store.locked(mlflow.get_tracking_uri()):
        parents = store.runs_where(client, experiment_id, **tags)
        if parents:
            return parents[0]
        created = _create(client, experiment_id, name, note)
        parents = store.runs_where(client, experiment_id, **tags)
        if parents and parents[0].info.run_id != created.info.run_id:
            client.delete_run(created.info.run_id)
            return parents[0]
        return created


def retire(client: MlflowClient, parent: Run) -> None:
    """Let a parent be that of an earlier execution: the same one, such as `by-hand`, made results anew otherwise."""
    earlier = f"{parent.data.tags['graincast.execution']} ({parent.info.run_id[:8]})"
    client.set_tag(parent.info.run_id, "graincast.execution", earlier)


def _create(client: MlflowClient, experiment_id: str, name: str, note: dict) -> Run:
    tags = {key: value for key, value in note["tags"].items() if key != "graincast.rule"}
    tags |= {"graincast.parent": name, "mlflow.note.content": note["about"]["description"]}
    run = client.create_run(experiment_id, tags=tags, run_name=name, start_time=round(1000 * note["time"]))
    client.update_run(run.info.run_id, status="KILLED")  # until there are results
    return run


def settle(client: MlflowClient, experiment_id: str, name: str, parent: Run, current: set[str]) -> dict[str, Run]:
    """Move the newest runs of the current trials under one parent, and delete all other runs of trials.

    Other parents of the same execution, created by concurrent jobs, are deleted; those of earlier executions stay
    and are tagged as superseded. Returns the trials' runs, by trial name.
    """
    parent_id, execution = parent.info.run_id, parent.data.tags["graincast.execution"]
    by_trial: dict[str, list[Run]] = {}
    for run in store.runs_where(client, experiment_id, experiment=name, trial=None):
        by_trial.setdefault(run.data.tags["graincast.trial"], []).append(run)
    trial_runs = {}
    for trial, runs in by_trial.items():
        *former, newest = runs
        if trial not in current:
            former.append(newest)
        else:
            trial_runs[trial] = newest
            if newest.data.tags.get(PARENT) != parent_id:
                client.set_tag(newest.info.run_id, PARENT, parent_id)
            if former:
                replaced = ",".join(run.info.run_id for run in former)
                client.set_tag(newest.info.run_id, "graincast.replaces", replaced)
        for run in former:
            store.delete(client, run)
    for other in store.runs_where(client, experiment_id, parent=name):
        if other.info.run_id == parent_id:
            continue
        if other.data.tags["graincast.execution"] == execution:
            store.delete(client, other)
        elif SUPERSEDED not in other.data.tags:
            client.set_tag(other.info.run_id, SUPERSEDED, parent_id)
    return trial_runs
