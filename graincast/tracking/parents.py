"""Parent runs: one for each execution of an experiment; the trials' runs are under that of the latest."""

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from graincast.tracking import store

PARENT = "mlflow.parentRunId"


def of_execution(client: MlflowClient, experiment_id: str, name: str, note: dict) -> Run:
    """The parent run of the execution that a note tells of. Of several made at once by different jobs, the first."""
    tags = {"parent": name, "execution": note["tags"]["graincast.execution"]}
    with store.alone(mlflow.get_tracking_uri()):
        found = store.runs_where(client, experiment_id, **tags)
        if found:
            return found[0]
        own = _make(client, experiment_id, name, note)
        found = store.runs_where(client, experiment_id, **tags)
        if found and found[0].info.run_id != own.info.run_id:
            client.delete_run(own.info.run_id)
            return found[0]
        return own


def _make(client: MlflowClient, experiment_id: str, name: str, note: dict) -> Run:
    tags = {key: value for key, value in note["tags"].items() if key != "graincast.rule"}
    tags |= {"graincast.parent": name, "mlflow.note.content": note["about"]["description"]}
    run = client.create_run(experiment_id, tags=tags, run_name=name, start_time=round(1000 * note["time"]))
    client.update_run(run.info.run_id, status="KILLED")  # until there are results
    return run


def settle(client: MlflowClient, experiment_id: str, name: str, own: Run, current: set[str]) -> dict[str, Run]:
    """Put the runs of all current trials under one parent, and drop those of former ones.

    Other parents of the same execution, which jobs made at once, go; those of earlier executions stay, marked.
    Returns the trials' runs by the trial's name.
    """
    of_trial: dict[str, list[Run]] = {}
    for run in store.runs_where(client, experiment_id, experiment=name, trial=None):
        of_trial.setdefault(run.data.tags["graincast.trial"], []).append(run)
    kept = {}
    for trial, runs in of_trial.items():
        *former, newest = runs
        if trial not in current:
            former.append(newest)
        else:
            kept[trial] = newest
            if newest.data.tags.get(PARENT) != own.info.run_id:
                client.set_tag(newest.info.run_id, PARENT, own.info.run_id)
            if former:
                replaced = ",".join(run.info.run_id for run in former)
                client.set_tag(newest.info.run_id, "graincast.replaces", replaced)
        for run in former:
            store.delete(client, run)
    execution = own.data.tags["graincast.execution"]
    for parent in store.runs_where(client, experiment_id, parent=name):
        if parent.info.run_id == own.info.run_id:
            continue
        if parent.data.tags["graincast.execution"] == execution:
            store.delete(client, parent)
        elif "graincast.superseded_by" not in parent.data.tags:
            client.set_tag(parent.info.run_id, "graincast.superseded_by", own.info.run_id)
    return kept
