"""Choice of trials on validation data, separately for each threshold and fold.

Each threshold is a different task, so losses of different thresholds cannot be compared. One fold's validation data
may be another's test data, so each fold chooses independently.
"""

from collections import Counter
from collections.abc import Iterable

from graincast.evaluation.metrics import selection_score


def choose(trials: Iterable[dict], metric: str) -> dict[float | None, dict[str, str]]:
    """{threshold: {fold: name of the chosen trial}}, the first of equals; the key is None without thresholds.

    trials  entries of trials.json: trial, params, by_fold
    """
    best: dict[float | None, dict[str, tuple[float, str]]] = {}
    for trial in trials:
        best_by_fold = best.setdefault(trial["params"].get("threshold"), {})
        for fold, measured in trial["by_fold"].items():
            score = selection_score(metric, measured[metric])
            if fold not in best_by_fold or score > best_by_fold[fold][0]:
                best_by_fold[fold] = (score, trial["trial"])
    return {
        threshold: {fold: name for fold, (_, name) in best_by_fold.items()} for threshold, best_by_fold in best.items()
    }


def most_chosen(chosen: dict[str, str]) -> str:
    """The trial that most folds chose."""
    return Counter(chosen.values()).most_common(1)[0][0]
