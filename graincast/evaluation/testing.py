"""Test results: for each threshold and fold, the trial chosen on validation data is measured once on test data."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

import numpy as np

from graincast.evaluation import calibration, intervals, metrics, selection
from graincast.evaluation.cautions import cautions
from graincast.evaluation.intervals import FoldPredictions
from graincast.experiment import grid, targets
from graincast.experiment.splits import SUBSETS
from graincast.experiment.targets import ABNORMAL, ALL, GROWTH_RATIO, LABEL, Target
from graincast.experiment.trained import REFITTED
from graincast.microstructure import BadInput
from graincast.models import ensemble

COLUMNS = {
    ABNORMAL: ("abnormal", "probability_abnormal"),
    GROWTH_RATIO: ("growth_ratio", "predicted_growth_ratio"),
    LABEL: ("class_index", "predicted_class_index"),
}
"""The columns of true and predicted values in predictions.csv, for each kind of target."""


@dataclass(frozen=True)
class Tested:
    """The result of a test.

    thresholds   {threshold as text: chosen trials, test metrics by fold, their mean, interval and standard deviation,
                 and `calibration`: the same after scaling on validation data, with each fold's slope and intercept}
    predictions  rows of predictions.csv, see `header`
    models       {threshold as text: {fold: the chosen trial's model}}
    """

    thresholds: dict[str, dict]
    predictions: list[tuple]
    models: dict[str, dict[str, dict]]


def header(kind: str) -> tuple[str, ...]:
    """The columns of predictions.csv for a kind of target."""
    return ("microstructure", "group", "grain", "threshold", "fold", "subset", "trial", *COLUMNS[kind])


def choose(trials: list[dict], kind: str, select: str) -> dict[float | None, dict[str, str]]:
    """The trial chosen for each threshold and fold by the validation metric `select`.

    Raises BadInput if the metric does not exist for this kind of target, or is undefined for all trials.
    """
    if select not in metrics.selecting(kind):
        raise BadInput(f"select: {select} is not a metric of {kind}; choose from {', '.join(metrics.selecting(kind))}")
    return selection.choose(trials, select)


def run_test(
    chosen: dict[float | None, dict[str, str]],
    model_of: Callable[[str, str], dict],
    subsets: dict[str, np.ndarray],
    target: Target,
    data: Any,
    model: ModuleType,
) -> Tested:
    """Test the chosen trials.

    chosen    {threshold: {fold: trial}}
    model_of  returns the trained model of (trial, fold), or an ensemble; validation data are predicted without what was
              refitted
    subsets   {fold: subset of each microstructure, str [g]}
    data      the table that the target was computed from
    model     module of graincast.models
    """
    thresholds, rows = {}, []
    models: dict[str, dict[str, dict]] = {}
    for threshold, by_fold in sorted(chosen.items()):
        true, text = target.values[threshold], grid.number(threshold)
        measured, baselines, folds = {}, [], []
        scalings: dict[str, calibration.Scaling | None] = {}
        for fold, trial in by_fold.items():
            subset, trained = subsets[fold], model_of(trial, fold)
            final = trained.get(REFITTED, trained)
            predicted = ensemble.predict(model, final, data)
            test_rows, train_rows, validation_rows = (
                targets.rows(target, data, subset == name) for name in ("test", "train", "validation")
            )
            if final is not trained:
                predicted[validation_rows] = model.predict(trained, data)[validation_rows]
            measured[fold] = metrics.measure(target.kind, true[test_rows], predicted[test_rows])
            folds.append(_fold(data, target, subset, test_rows, true, predicted))
            if target.kind == ABNORMAL:
                scalings[fold] = calibration.fit(true[validation_rows], predicted[validation_rows])
            baselines.append(metrics.baseline(target.kind, true[train_rows], true[test_rows]))
            models.setdefault(text, {})[fold] = trained
            listed = targets.rows(target, data, subset != "" if len(subsets) == 1 else subset == "test")
            rows += _predictions(data, target, (text, fold, trial), subset, listed, true, predicted)
        test = {**metrics.mean(measured.values()), **metrics.mean(baselines)}
        thresholds[text] = {
            "cautions": cautions(target.kind, [fold.true for fold in folds], test),
            "chosen_trial": selection.most_chosen(by_fold),
            "chosen_by_fold": by_fold,
            "test": test,
            "test_interval": intervals.of_metrics(target.kind, folds),
            "interval_method": intervals.method(folds),
            "test_groups": intervals.count(folds),
            "calibration": _calibrated(list(scalings.values()), folds) | {"by_fold": scalings} if scalings else None,
            "test_std_over_folds": metrics.std(measured.values()),
            "test_by_fold": measured,
        }
    return Tested(thresholds, rows, models)


def _calibrated(scalings: list[calibration.Scaling | None], folds: list[FoldPredictions]) -> dict[str, Any]:
    """The test metrics of probabilities scaled on validation data, and their intervals; unscaled where that fails."""
    scaled = [
        fold if scaling is None else replace(fold, predicted=calibration.scaled(scaling, fold.predicted))
        for fold, scaling in zip(folds, scalings, strict=True)
    ]
    measured = [metrics.measure(ABNORMAL, fold.true, fold.predicted) for fold in scaled]
    return {"test": metrics.mean(measured), "test_interval": intervals.of_metrics(ABNORMAL, scaled)}


def groups_by_subset(subsets: dict[str, np.ndarray], groups: Sequence[str]) -> dict[str, dict[str, int]]:
    """The number of groups in each subset of each fold.

    subsets  {fold: subset of each microstructure, str [g]}
    groups   of the microstructures, [g]
    """
    group = np.asarray(groups)
    return {fold: {name: len(set(group[subset == name])) for name in SUBSETS} for fold, subset in subsets.items()}


def _fold(
    data: Any, target: Target, subset: np.ndarray, rows: np.ndarray, true: np.ndarray, predicted: np.ndarray
) -> FoldPredictions:
    """The predictions of a fold's test rows, with their groups."""
    group = np.asarray(data.group)
    learned = len(set(group[np.isin(subset, ["train", "validation"])]))
    of_row = np.repeat(group, np.diff(data.node_ptr)) if target.grains == ALL else group
    return FoldPredictions(true[rows], predicted[rows], of_row[rows], learned)


def _predictions(
    data: Any,
    target: Target,
    key: tuple[str, str, str],
    subset: np.ndarray,
    listed: np.ndarray,
    true: np.ndarray,
    predicted: np.ndarray,
) -> list[tuple]:
    """Rows of predictions.csv, one per microstructure or grain in `listed`; key: threshold, fold and trial."""
    index = np.flatnonzero(listed)
    if target.grains == ALL:
        owner = np.repeat(np.arange(len(data.name)), np.diff(data.node_ptr))[index]
        grain = (index - data.node_ptr[owner]).tolist()
    else:
        owner, grain = index, [""] * index.size
    if predicted.ndim == 2:  # class scores
        predicted = predicted.argmax(axis=1)
    threshold, fold, trial = key
    return [
        (
            data.name[g],
            data.group[g],
            n,
            threshold,
            fold,
            subset[g],
            trial,
            f"{float(true[i]):.9g}",
            f"{predicted[i]:.9g}",
        )
        for i, g, n in zip(index, owner, grain, strict=True)
    ]
