"""Log the results of an experiment to its parent run: test metrics, figures and chosen models."""

import json
from collections.abc import Callable, Collection
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from graincast.experiment.record import pruned_trials, read_record
from graincast.files import nested
from graincast.prediction import trained_model
from graincast.tracking import champions, parents, store, views
from graincast.tracking.trial_runs import log_dataset, log_values, params, record_tags, scalars

FILES = ("test_metrics.json", "trials.csv", "predictions.csv")


def log_experiment(folder: Path, note: dict, tracking: dict, advance: Callable[[], None] = lambda: None) -> None:
    """Log the results of an execution to its parent run, and move the trials' runs under that parent.

    Logging the same execution twice changes nothing; parents of earlier executions keep their results. If the note is
    about logging once more, an experiment that was logged from the same recipe only gets what earlier releases omitted.
    """
    result = json.loads((folder / "test_metrics.json").read_text(encoding="utf-8"))
    client = store.connect(tracking)
    with store.locked(mlflow.get_tracking_uri()):
        _log(client, folder, result, note, tracking, advance)


def _log(client: MlflowClient, folder: Path, result: dict, note: dict, tracking: dict, advance: Callable) -> None:
    name, now = result["experiment"], round(1000 * note["time"])
    experiment_id = store.experiment(client, tracking["experiment_prefix"] + name)
    trials = _parameters(folder, result)
    shared, varied = _shared(trials.values()), _varied(trials.values())
    if "threshold" in shared:
        (shared["threshold"],) = result["thresholds"]  # as the champion will write it, which MLflow compares as text
    views.describe(client, experiment_id, views.experiment_tags(result, note["about"]["description"], varied))
    logged = parents.latest(client, experiment_id, name) if note["again"] else None
    if logged and logged.info.status == "FINISHED" and logged.data.tags.get(parents.RECIPE) == note["recipe"]:
        missing = {key: value for key, value in shared.items() if key not in logged.data.params}
        log_values(client, logged.info.run_id, [], missing)
        runs = store.runs_where(client, experiment_id, experiment=name, trial=None)
        _tag_chosen(client, result, {run.data.tags["graincast.trial"]: run for run in runs})
        return
    parent = parents.find_or_create(client, experiment_id, name, note)
    if any(parent.data.params.get(key, value) != value for key, value in shared.items()):
        parents.retire(client, parent)  # MLflow never changes a parameter
        parent = parents.find_or_create(client, experiment_id, name, note)
    run_id = parent.info.run_id
    client.update_run(run_id, status="KILLED")  # until everything is logged
    metrics, tags = [], {**record_tags(result, note), parents.RECIPE: note["recipe"]}
    for threshold, chosen in result["thresholds"].items():
        metrics += scalars("test_{}" + suffix(threshold), chosen["test"], now)
        tags["graincast.chosen" + suffix(threshold)] = chosen["chosen_trial"]
    log_values(client, run_id, metrics, shared, tags)
    log_dataset(client, run_id, result)
    for file in FILES:
        client.log_artifact(run_id, str(folder / file))
    if (folder / champions.CARD).is_file():  # results of an earlier release have none
        client.log_artifact(run_id, str(folder / champions.CARD))
    if (folder / "figures").is_dir():
        client.log_artifacts(run_id, str(folder / "figures"), "figures")
    if note["configuration"]:
        client.log_text(run_id, note["configuration"], "configuration.yaml")
    advance()
    trial_runs = parents.settle(client, experiment_id, name, parent, set(trials))
    _tag_chosen(client, result, trial_runs)
    advance()
    _log_curves(client, folder, result, trial_runs)
    about = nested.read_about(folder / champions.MODEL, trained_model.FORMAT)
    for threshold in result["thresholds"]:
        registered = f"{tracking['experiment_prefix']}{name}{suffix(threshold).replace('_', '-')}"
        champions.register(client, parent, registered, folder, threshold, about)
        advance()
    client.set_terminated(run_id, end_time=now)


def suffix(threshold: str) -> str:
    """The suffix of a name for a threshold, such as "_t10"; empty for a target without thresholds."""
    return f"_t{threshold}" if threshold else ""


def _parameters(folder: Path, result: dict) -> dict[str, dict[str, str]]:
    """The parameters of all trials of an experiment, by trial name; those that a study ended early, too."""
    records = (read_record(folder / "trials" / job) for job in result["jobs"])
    return {
        trial["trial"]: params(record, trial)
        for record in records
        for trial in (*record["trials"], *pruned_trials(record))
    }


def _shared(trials: Collection[dict[str, str]]) -> dict[str, str]:
    """The parameters that all trials have, with the same value."""
    first, *others = trials
    return {key: value for key, value in first.items() if all(other.get(key) == value for other in others)}


def _varied(trials: Collection[dict[str, str]]) -> list[str]:
    """The names of the other parameters."""
    shared = _shared(trials)
    return list(dict.fromkeys(key for trial in trials for key in trial if key not in shared))


def _tag_chosen(client: MlflowClient, result: dict, runs: dict[str, Run]) -> None:
    """Tag the chosen trials' runs with the thresholds at which they were chosen, and no others."""
    thresholds: dict[str, list[str]] = {}
    for threshold, chosen in result["thresholds"].items():
        thresholds.setdefault(chosen["chosen_trial"], []).append(threshold or "yes")
    for trial, run in runs.items():
        value, present = ", ".join(thresholds.get(trial, [])), run.data.tags.get(views.CHOSEN, "")
        if value and value != present:
            client.set_tag(run.info.run_id, views.CHOSEN, value)
        elif present and not value:
            client.delete_tag(run.info.run_id, views.CHOSEN)


def _log_curves(client: MlflowClient, folder: Path, result: dict, runs: dict[str, Run]) -> None:
    """Log the training curves of the chosen trials to their runs."""
    for threshold, chosen in result["thresholds"].items():
        figure = folder / "figures" / f"training_curves{suffix(threshold)}.png"
        if figure.is_file() and chosen["chosen_trial"] in runs:
            client.log_artifact(runs[chosen["chosen_trial"]].info.run_id, str(figure))
