"""Choosing a trial: on validation data, within one threshold and one fold, never across.

Another threshold is another task, so losses of different thresholds do not compare. Another fold's validation
data may be this one's test data, so each fold chooses for itself.
"""

from collections import Counter
from collections.abc import Iterable

from graincast.evaluation.metrics import selection_score


def choose(trials: Iterable[dict], metric: str) -> dict[float | None, dict[str, str]]:
    """The chosen trial's name for each threshold (None where there are none) and fold; of equals, the first.

    trials  the entries of trials.json: trial, params, by_fold
    """
    best: dict[float | None, dict[str, tuple[float, str]]] = {}
    for trial in trials:
        of_threshold = best.setdefault(trial["params"].get("threshold"), {})
        for fold, measured in trial["by_fold"].items():
            score = selection_score(metric, measured[metric])
            if fold not in of_threshold or score > of_threshold[fold][0]:
                of_threshold[fold] = (score, trial["trial"])
    return {t: {p: name for p, (_, name) in chosen.items()} for t, chosen in best.items()}


def most_chosen(chosen: dict[str, str]) -> str:
    """The trial that most folds chose."""
    return Counter(chosen.values()).most_common(1)[0][0]
