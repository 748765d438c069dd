"""ROC and precision-recall curves against scikit-learn's; confusion and reports of classes against it too."""

import numpy as np
import pytest
from sklearn import metrics as reference

from graincast.evaluation import classification, operating_curves
from graincast.evaluation.operating_curves import GRID
from graincast.evaluation.test_data import Predictions


def predictions(true: np.ndarray, probability: np.ndarray, folds: int = 1) -> Predictions:
    n = true.size
    names = np.array([f"m{i}" for i in range(n)], object)
    fold = np.array([str(i % folds) for i in range(n)], object)
    return Predictions(names, np.full(n, ""), names, fold, true.astype(float), probability)


@pytest.fixture(params=[2, 1], ids=["without ties", "with ties"])
def tested(request) -> Predictions:
    rng = np.random.default_rng(1)
    true = rng.random(200) < 0.4
    probability = np.clip(0.3 * true + 0.7 * rng.random(200), 0, 1)
    return predictions(true, np.round(probability, 8 if request.param == 2 else 1))


def test_curves_are_those_of_scikit_learn(tested):
    found = operating_curves.curves(tested)
    false_rate, recall, _ = reference.roc_curve(tested.true, tested.predicted, drop_intermediate=False)
    assert found.roc[0] == pytest.approx(np.interp(GRID, false_rate, recall), abs=1e-9)
    precision, recall, _ = reference.precision_recall_curve(tested.true, tested.predicted)
    for at, value in zip(GRID[1:], found.precision[0][1:], strict=True):
        assert value == pytest.approx(precision[recall >= at - 1e-12][-1])


def test_the_decision_at_one_half_lies_where_the_classes_say(tested):
    found = operating_curves.curves(tested)
    (right_normal, false_abnormal), (false_normal, right) = reference.confusion_matrix(
        tested.true, tested.predicted > 0.5
    )
    assert found.operating == pytest.approx(
        (
            false_abnormal / (false_abnormal + right_normal),
            right / (right + false_normal),
            right / (right + false_abnormal),
        )
    )


@pytest.mark.parametrize("folds", [1, 5])
def test_a_band_holds_the_mean_and_says_what_it_is(tested, folds):
    found = operating_curves.curves(predictions(tested.true, tested.predicted, folds))
    for mean, low, high in (found.roc, found.precision):
        assert ((low <= high) & (low >= 0) & (high <= 1)).all()
        assert ((low <= mean + 1e-9) & (mean <= high + 1e-9)).mean() > 0.9
    assert found.band == ("95 % of resamples of 200 groups" if folds == 1 else "10% to 90% of 5 folds")


def test_groups_are_drawn_whole():
    rng = np.random.default_rng(0)
    true, probability = rng.random(40) < 0.5, rng.random(40)
    single = predictions(true, probability)
    four = predictions(np.tile(true, 4), np.tile(probability, 4))
    four = Predictions(four.microstructure, four.grain, np.tile(single.group, 4), four.fold, four.true, four.predicted)
    assert operating_curves.curves(four).roc == pytest.approx(operating_curves.curves(single).roc)


def test_one_class_has_no_curves():
    assert operating_curves.curves(predictions(np.ones(5, bool), np.linspace(0, 1, 5))) is None


@pytest.mark.parametrize("classes", [2, 3])
def test_confusion_and_report_are_those_of_scikit_learn(classes):
    rng = np.random.default_rng(classes)
    true, predicted = rng.integers(0, classes, 50), rng.integers(0, classes - 1, 50)  # the last is never predicted
    counts = classification.confusion(true, predicted, classes)
    labels = range(classes)
    assert (counts == reference.confusion_matrix(true, predicted, labels=labels)).all()
    expected = reference.precision_recall_fscore_support(true, predicted, labels=labels, zero_division=0)
    assert classification.report(counts) == pytest.approx(np.stack(expected, axis=1))
