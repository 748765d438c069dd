"""What MLflow's pages show of an experiment without set-up: its kind, a description, and two saved views.

The pages read these from tags of the experiment. A saved view is what MLflow's own button "share" would store: the
columns, the order and the filter of the table of runs, as JSON. `executions` shows one row per execution, its trials
folded; MLflow folds only in the order of time. `trials` ranks the trials by the validation metric that chooses.
"""

import json
from urllib.parse import quote, urlencode

from mlflow import MlflowClient

from graincast.evaluation.metrics import METRICS, main_metrics, names

VIEWS = ("executions", "trials")
KIND = {"mlflow.experimentKind": "custom_model_development"}
CHOSEN = "graincast.chosen"
"""The tag of chosen trials, with the thresholds at which they were chosen."""
_SHARED = "mlflow.sharedViewState."


def describe(client: MlflowClient, experiment_id: str, tags: dict[str, str]) -> None:
    """Set the tags of an experiment that are not set so yet."""
    present = client.get_experiment(experiment_id).tags
    for key, value in tags.items():
        if present.get(key) != value:
            client.set_experiment_tag(experiment_id, key, value)


def experiment_tags(result: dict, description: str, varied: list[str]) -> dict[str, str]:
    """The tags of an experiment with these results.

    varied  the parameters in which its trials differ
    """
    kind, select = result["target"]["kind"], result["select"]
    suffixes = [f"_t{threshold}" if threshold else "" for threshold in result["thresholds"]]
    shown = main_metrics(kind) or names(kind)[:1]
    executions = {
        "selectedColumns": [
            *(_column("metrics", f"test_{name}{suffix}") for suffix in suffixes for name in shown),
            *(_column("params", name) for name in ("model", "dataset", "features")),
            *(_column("tags", f"graincast.chosen{suffix}") for suffix in suffixes),
        ]
    }
    deciding = _column("metrics", f"best_validation_{select}")
    others = [_column("metrics", f"best_validation_{name}") for name in shown if name != select]
    trials = {
        "selectedColumns": [deciding, *others, *(_column("params", name) for name in varied), _column("tags", CHOSEN)],
        "searchFilter": "tags.`graincast.trial` != ''",
        "orderByKey": deciding,
        "orderByAsc": not METRICS[select].larger_is_better,
    }
    views = {_SHARED + name: json.dumps(view) for name, view in zip(VIEWS, (executions, trials), strict=True)}
    first = {"mlflow.experiment.primaryMetric.name": f"best_validation_{select}"}
    return {**KIND, **first, "mlflow.note.content": description, **views}


def _column(kind: str, name: str) -> str:
    return f"{kind}.`{name}`"


def addresses(client: MlflowClient, prefix: str, server: str) -> list[tuple[str, dict[str, str]]]:
    """Each experiment with this prefix, by name, and the addresses of its pages on a server: its views, and charts."""
    found = {}
    for experiment in client.search_experiments():
        if experiment.name.startswith(prefix):
            queries = {view: {"viewStateShareKey": view} for view in VIEWS if _SHARED + view in experiment.tags}
            if queries:
                queries["charts"] = {**queries["trials"], "compareRunsMode": "CHART"}
            page = f"{server}/#/experiments/{quote(experiment.experiment_id)}/runs?workflowType=machine_learning"
            pages = {name: f"{page}&{urlencode(query)}" for name, query in queries.items()}
            found[experiment.name] = pages or {"runs": page}
    return sorted(found.items())
