"""The trials of an experiment by their mean validation score: why a trial was chosen."""

from collections.abc import Mapping, Sequence

from graincast.evaluation.intervals import Interval, corrected
from graincast.evaluation.metrics import METRICS, selecting, selection_score


def ranked(trials: Sequence[dict], select: str) -> list[dict]:
    """Trials, the best mean validation score by the metric `select` first; of equals, the first."""
    return sorted(trials, key=lambda trial: -selection_score(select, trial["validation"][select]))


def interval(trial: dict, metric: str, ratio: float) -> Interval:
    """The interval of a trial's mean validation metric over the folds; None for a single fold.

    ratio  of validation groups to training groups
    """
    values = corrected([of_fold[metric] for of_fold in trial["by_fold"].values()], ratio)
    low, high = METRICS[metric].limits
    return None if values is None else (max(values[0], low), min(values[1], high))


def validation_to_train(groups: Mapping[str, Mapping[str, int]]) -> float:
    """The ratio of validation groups to training groups, mean over the folds; groups by fold and subset."""
    ratios = [of_fold["validation"] / of_fold["train"] for of_fold in groups.values()]
    return sum(ratios) / len(ratios)


def rows(
    trials: Sequence[dict],
    chosen: Mapping[float | None, Mapping[str, str]],
    kind: str,
    select: str,
    ratio: float,
    pruned: Sequence[dict] | None = None,
) -> tuple[list, list]:
    """Header and rows of trials.csv, the order of trials kept.

    A row has the point of the grid; the mean validation metrics; the interval of the one that selects; the trial's rank
    by it among those of its threshold and folds, how much worse than the best it is, and the number of folds that chose
    it. Of studies, a row says which fold it belongs to and where it was ended early, if it was: then it has no metrics.

    chosen  {threshold: {fold: trial}}
    pruned  trials of studies that ended early; None where there are no studies
    """
    metrics, listed = selecting(kind), []
    order = {task: ranked([one for one in trials if _task(one) == task], select) for task in map(_task, trials)}
    rank_of = {one["trial"]: rank for of_task in order.values() for rank, one in enumerate(of_task, 1)}
    for trial in trials:
        threshold, folds = _task(trial)
        count = list(chosen[threshold].values()).count(trial["trial"])
        best, own = (one["validation"][select] for one in (order[threshold, folds][0], trial))
        behind = None if best is None or own is None else abs(best - own)
        limits = interval(trial, select, ratio) or (None, None)
        values = [*(trial["validation"][name] for name in metrics), *limits]
        texts = ["" if value is None else f"{value:.6g}" for value in [*values, behind]]
        row = [trial["trial"], *trial["params"].values(), *texts[:-1], rank_of[trial["trial"]], texts[-1], count]
        listed.append([*row, *folds, ""] if pruned is not None else row)
    validation = [f"validation_{name}" for name in (*metrics, f"{select}_low", f"{select}_high")]
    header = ["trial", *trials[0]["params"], *validation, "rank", "behind_best", "chosen"]
    if pruned is None:
        return header, listed
    for trial in pruned:
        ((fold, step),) = trial["pruned"].items()
        listed.append([trial["trial"], *trial["params"].values(), *[""] * (len(validation) + 2), 0, fold, step])
    return [*header, "fold", "pruned"], sorted(listed, key=lambda row: row[0])


def _task(trial: dict) -> tuple[float | None, tuple[str, ...]]:
    """What trials share that can be compared: the threshold, and the folds that they were trained on."""
    return trial["params"].get("threshold"), tuple(trial["by_fold"])
