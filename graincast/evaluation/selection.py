"""Choice of trials on validation data, separately for each threshold and fold.

Each threshold is a different task, so losses of different thresholds cannot be compared. One fold's validation data
may be another's test data, so each fold chooses independently.
"""

from collections import Counter
from collections.abc import Iterable

from graincast.evaluation.metrics import METRICS, selection_score
from graincast.experiment.grid import number
from graincast.microstructure import BadInput


def choose(trials: Iterable[dict], metric: str) -> dict[float | None, dict[str, str]]:
    """{threshold: {fold: name of the chosen trial}}, the first of equals; the key is None without thresholds.

    trials  entries of trials.json: trial, params, by_fold
    Raises BadInput if the metric is undefined for all trials of a threshold and fold.
    """
    values: dict[float | None, dict[str, dict[str, float | None]]] = {}
    for trial in trials:
        by_fold = values.setdefault(trial["params"].get("threshold"), {})
        for fold, measured in trial["by_fold"].items():
            by_fold.setdefault(fold, {})[trial["trial"]] = measured[metric]
    return {
        threshold: {fold: _best(metric, of_trial, threshold, fold) for fold, of_trial in by_fold.items()}
        for threshold, by_fold in values.items()
    }


def _best(metric: str, of_trial: dict[str, float | None], threshold: float | None, fold: str) -> str:
    if all(value is None for value in of_trial.values()):
        task = f"fold {fold}" if threshold is None else f"threshold {number(threshold)}, fold {fold}"
        remedies = ["another `select`", "a larger validation fraction", "another threshold"]
        choices = remedies[:2] if threshold is None else remedies
        raise BadInput(
            f"select: no trial can be chosen by {metric} for {task}: it is undefined on the validation data, where "
            f"{METRICS[metric].undefined}; choose {', '.join(choices[:-1])} or {choices[-1]}"
        )
    return max(of_trial, key=lambda trial: selection_score(metric, of_trial[trial]))


def most_chosen(chosen: dict[str, str]) -> str:
    """The trial that most folds chose."""
    return Counter(chosen.values()).most_common(1)[0][0]
