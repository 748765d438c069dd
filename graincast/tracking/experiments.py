"""Log the results of an experiment to its parent run: test metrics, figures and chosen models."""

import json
from collections.abc import Callable
from pathlib import Path

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run

from graincast.experiment.record import pruned_trials, read_record
from graincast.files import nested
from graincast.prediction import trained_model
from graincast.tracking import champions, parents, store
from graincast.tracking.trial_runs import log_dataset, log_values, record_tags, scalars

FILES = ("test_metrics.json", "trials.csv", "predictions.csv")


def log_experiment(folder: Path, note: dict, tracking: dict, advance: Callable[[], None] = lambda: None) -> None:
    """Log the results of an execution to its parent run, and move the trials' runs under that parent.

    Logging the same execution twice changes nothing; parents of earlier executions keep their results. If the note is
    about logging once more, an experiment that was logged from the same recipe is left as it is.
    """
    result = json.loads((folder / "test_metrics.json").read_text(encoding="utf-8"))
    client = store.connect(tracking)
    with store.locked(mlflow.get_tracking_uri()):
        _log(client, folder, result, note, tracking, advance)


def _log(client: MlflowClient, folder: Path, result: dict, note: dict, tracking: dict, advance: Callable) -> None:
    name, now = result["experiment"], round(1000 * note["time"])
    experiment_id = store.experiment(client, tracking["experiment_prefix"] + name)
    logged = parents.latest(client, experiment_id, name) if note["again"] else None
    if logged and logged.info.status == "FINISHED" and logged.data.tags.get(parents.RECIPE) == note["recipe"]:
        return
    parent = parents.find_or_create(client, experiment_id, name, note)
    run_id = parent.info.run_id
    client.update_run(run_id, status="KILLED")  # until everything is logged
    metrics, tags = [], {**record_tags(result, note), parents.RECIPE: note["recipe"]}
    for threshold, chosen in result["thresholds"].items():
        metrics += scalars("test_{}" + suffix(threshold), chosen["test"], now)
        tags["graincast.chosen" + suffix(threshold)] = chosen["chosen_trial"]
    log_values(client, run_id, metrics, {}, tags)
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
    current = {
        trial["trial"]
        for record in (read_record(folder / "trials" / job) for job in result["jobs"])
        for trial in (*record["trials"], *pruned_trials(record))
    }
    trial_runs = parents.settle(client, experiment_id, name, parent, current)
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


def _log_curves(client: MlflowClient, folder: Path, result: dict, runs: dict[str, Run]) -> None:
    """Log the training curves of the chosen trials to their runs."""
    for threshold, chosen in result["thresholds"].items():
        figure = folder / "figures" / f"training_curves{suffix(threshold)}.png"
        if figure.is_file() and chosen["chosen_trial"] in runs:
            client.log_artifact(runs[chosen["chosen_trial"]].info.run_id, str(figure))
