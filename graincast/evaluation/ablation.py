"""What each feature is worth, from trials on subsets of the features."""

from collections.abc import Iterable

import numpy as np

from graincast.evaluation.metrics import selection_score


def best_by_feature_subset(trials: Iterable[dict], select: str) -> dict[str, dict]:
    """For each subset of features its best trial by a validation metric; of equals, the first.

    trials  entries of trials.json of one threshold
    """
    best: dict[str, dict] = {}
    for trial in trials:
        subset, value = trial["params"]["feature_subset"], selection_score(select, trial["validation"][select])
        if subset not in best or value > selection_score(select, best[subset]["validation"][select]):
            best[subset] = trial
    return best


def importance(best: dict[str, dict], score: str) -> dict[str, tuple[float, float, int]]:
    """For each feature the mean gain in a validation score when it is added, its standard error, and over how many.

    Of all pairs of subsets that differ in just that feature; NaN for a feature without a pair, an error of NaN for
    one with a single pair.
    """
    of = {frozenset(subset.split("+")): trial["validation"][score] for subset, trial in best.items()}
    features = list(dict.fromkeys(feature for subset in best for feature in subset.split("+")))
    found = {}
    for feature in features:
        pairs = [(of.get(subset - {feature}), value) for subset, value in of.items() if feature in subset]
        gains = np.array([after - before for before, after in pairs if before is not None and after is not None])
        error = gains.std(ddof=1) / np.sqrt(gains.size) if gains.size > 1 else np.nan
        found[feature] = (float(gains.mean()) if gains.size else np.nan, float(error), gains.size)
    return found
