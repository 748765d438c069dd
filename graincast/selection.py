"""Choosing a trial: on validation data, within one threshold and one partition, never across.

Another threshold is another task, so losses of different thresholds do not compare. Another partition's validation
data may be this one's test data, so each partition chooses for itself.
"""

from collections import Counter
from collections.abc import Iterable

from graincast.metrics import better


def choose(trials: Iterable[dict], metric: str) -> dict[float | None, dict[str, str]]:
    """The chosen trial's name for each threshold (None where there are none) and partition; of equals, the first.

    trials  the entries of trials.json: trial, params, by_partition
    """
    best: dict[float | None, dict[str, tuple[float, str]]] = {}
    for trial in trials:
        of_threshold = best.setdefault(trial["params"].get("threshold"), {})
        for partition, measured in trial["by_partition"].items():
            score = better(metric, measured[metric])
            if partition not in of_threshold or score > of_threshold[partition][0]:
                of_threshold[partition] = (score, trial["trial"])
    return {t: {p: name for p, (_, name) in chosen.items()} for t, chosen in best.items()}


def most_chosen(chosen: dict[str, str]) -> str:
    """The trial that most partitions chose."""
    return Counter(chosen.values()).most_common(1)[0][0]
