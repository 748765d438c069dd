"""Feature importance from trials on feature subsets."""

from collections.abc import Iterable

import numpy as np

from graincast.evaluation.metrics import selection_score


def best_by_feature_subset(trials: Iterable[dict], select: str) -> dict[str, dict]:
    """The best trial for each feature subset by the validation metric `select`; the first of equals.

    trials  entries of trials.json for one threshold
    """
    best: dict[str, dict] = {}
    for trial in trials:
        subset, value = trial["params"]["feature_subset"], selection_score(select, trial["validation"][select])
        if subset not in best or value > selection_score(select, best[subset]["validation"][select]):
            best[subset] = trial
    return best


def importance(best: dict[str, dict], score: str) -> dict[str, tuple[float, float, int]]:
    """{feature: (mean gain in a validation score from adding it, its standard error, number of pairs)}.

    The mean is over all pairs of subsets that differ in just that feature. The gain is NaN without pairs, the error
    also for a single pair.
    """
    score_of_subset = {frozenset(subset.split("+")): trial["validation"][score] for subset, trial in best.items()}
    features = list(dict.fromkeys(feature for subset in best for feature in subset.split("+")))
    gain_of_feature = {}
    for feature in features:
        pairs = [
            (score_of_subset.get(subset - {feature}), value)
            for subset, value in score_of_subset.items()
            if feature in subset
        ]
        gains = np.array([after - before for before, after in pairs if before is not None and after is not None])
        error = gains.std(ddof=1) / np.sqrt(gains.size) if gains.size > 1 else np.nan
        gain_of_feature[feature] = (float(gains.mean()) if gains.size else np.nan, float(error), gains.size)
    return gain_of_feature
