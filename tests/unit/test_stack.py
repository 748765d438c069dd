"""A stack: its inputs are the chosen models' predictions, its fit is scikit-learn's, and it takes equal folds only."""

import argparse
import json

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from graincast.configuration.errors import ConfigError
from graincast.experiment import splits, stacked, targets
from graincast.experiment.stacked import StackedTable
from graincast.features import table
from graincast.microstructure import BadInput
from graincast.models import stack
from graincast.planning.jobs import jobs
from graincast.planning.plan import Plan
from graincast.prediction import trained_model
from scripts import stacked_features
from tests.configured import loaded
from tests.recipes import recipe
from tests.tables import feature_table
from tests.tracked import experiment_of, train_and_test

GRID = {"threshold": [10.0], "c": [0.5]}


def made_up(count: int = 60) -> StackedTable:
    """Two experiments; growth is decided by chance, with the mean of their probabilities."""
    rng = np.random.default_rng(3)
    logits = rng.normal(size=(1, 1, count, 2)) * 2
    names = [f"{i:02d}" for i in range(count)]
    grew = rng.random(count) < expit(logits[0, 0]).mean(axis=1)
    return StackedTable(
        name=names,
        group=[f"group {i // 2}" for i in range(count)],
        columns=["a", "b"],
        thresholds=np.array([10.0]),
        folds=["f"],
        probability=expit(logits),
        growth_ptr=np.arange(count + 1),
        growth_ratio=np.where(grew, 20.0, 1.0),
    )


SUBSET = np.repeat(["train", "validation", "test"], 20)


def fitted(data: StackedTable) -> dict:
    (model,) = stack.train(data, {"f": SUBSET}, targets.of_data(data, [10.0]), GRID, {}).models.values()
    return model


def test_a_stack_is_a_logistic_regression_on_logits_of_validation_data():
    data = made_up()
    x, grew = logit(data.probability[0, 0]), data.growth_ratio > 10
    reference = LogisticRegression(C=0.5, tol=1e-8).fit(x[20:40], grew[20:40])
    found = stack.predict(fitted(data), data)
    others = SUBSET != "validation"
    np.testing.assert_allclose(found[others], reference.predict_proba(x)[others, 1], rtol=1e-4)


def test_predictions_for_validation_data_come_from_fits_without_their_group():
    data = made_up()
    x, grew, group = logit(data.probability[0, 0]), data.growth_ratio > 10, np.array(data.group)
    found = stack.predict(fitted(data), data)
    for first in range(20, 40, 2):
        pair = [first, first + 1]
        assert group[first] == group[first + 1]
        other = data.growth_ratio.copy()
        other[pair] = 21.0 - other[pair]  # the other class
        changed = stack.predict(fitted(StackedTable(**{**vars(data), "growth_ratio": other})), data)
        np.testing.assert_allclose(changed[pair], found[pair], rtol=1e-9)
        assert not np.allclose(changed[40:], found[40:], rtol=1e-3)
    inside = LogisticRegression(C=0.5, tol=1e-8).fit(x[20:40], grew[20:40]).predict_proba(x[20:40])[:, 1]
    assert not np.allclose(found[20:40], inside, rtol=1e-3)


def test_what_cannot_be_fitted_is_refused():
    data = made_up()
    equal = StackedTable(**{**vars(data), "growth_ratio": np.where(SUBSET == "validation", 1.0, data.growth_ratio)})
    with pytest.raises(BadInput, match="fold f: at threshold 10 all validation targets are the same"):
        fitted(equal)
    with pytest.raises(ValueError, match="no predictions at threshold 10 in fold g"):
        stack.predict({**fitted(data), "fold": "g"}, data)


def test_a_table_is_read_as_it_was_written(tmp_path):
    data = made_up()
    stacked.write(tmp_path / "one.h5", data)
    assert stacked.read(tmp_path / "one.h5").fingerprint == data.fingerprint
    half = data.selected(np.arange(60) < 30)
    assert half.name == data.name[:30] and half.probability.shape == (1, 1, 30, 2)
    np.testing.assert_array_equal(np.concatenate(half.candidate_ratios()), data.growth_ratio[:30])


def test_experiments_are_stacked_and_tested_on_their_own_folds(tmp_path):
    data = feature_table(60)
    features, split = tmp_path / "results/datasets/made/features/three.h5", tmp_path / "split.csv"
    table.write(features, data)
    splits.write(split, data.name, splits.k_fold(data.name, 12, 1, 0.4, 0))  # more than nine folds
    axes = {
        "logistic": {"propagation_steps": [1], "transform": ["none"], "c": [0.1]},
        "boosted_trees": {"propagation_steps": [1], "trees": [5], "depth": [2], "shrinkage": [0.3]},
    }
    training = {
        "logistic": {"refit": True},
        "boosted_trees": {"min_samples_leaf": 3, "l2_regularization": 1, "refit": False},
    }
    roots = {name: tmp_path / name for name in axes}
    target = {"kind": "abnormal", "aggregate": "mean"}
    for name, root in roots.items():
        train_and_test(root, features, split, name, {"threshold": [10], **axes[name]}, training[name], **target)
    out = tmp_path / "results/datasets/made/features/both.h5"
    parameters = recipe(tmp_path / "stack.json", experiments=list(axes))
    inputs = {"models": [experiment_of(root) / "model.h5" for root in roots.values()], "features": [features] * 2}
    options = {"split": split, "extensions": [], "out": out, "name": "made/both"}
    stacked_features.main(argparse.Namespace(recipe=parameters, **inputs, **options))
    made = stacked.read(out)
    subsets = splits.subsets_of(split, data.name)
    for column, root in enumerate(roots.values()):
        final, first_fit = (trained_model.load(experiment_of(root) / "model.h5", refitted=one) for one in (True, False))
        of_fold = dict(zip(final.models, zip(final.by_fold(data), first_fit.by_fold(data), strict=True), strict=True))
        for number, fold in enumerate(made.folds):
            known = np.where(subsets[fold] == "validation", *of_fold[fold][::-1])
            np.testing.assert_array_equal(made.probability[0, number, :, column], known)
        assert np.array_equal(final.by_fold(data), first_fit.by_fold(data)) == (column == 1)
    train_and_test(tmp_path, out, split, "stack", {"threshold": [10], "c": [1]}, {}, **target)
    outcome = json.loads((experiment_of(tmp_path) / "test_metrics.json").read_text())["thresholds"]["10"]
    assert outcome["test"]["count"] == 60 and outcome["test"]["auc"] > 0.7
    about = trained_model.describe(experiment_of(tmp_path) / "model.h5")
    assert "predictions of other experiments" in about["not_served"]
    with pytest.raises(BadInput, match="this model cannot read raw files, as it takes the predictions of other"):
        trained_model.load(experiment_of(tmp_path) / "model.h5").predict("somewhere")


STACK = "{dataset: sim, split: held-out, features: both, model: stack, target: {threshold: [10]}}"
CONFIG = {"experiments": "[first, a, b]", "stacked_sets": "{both: {experiments: [a, b]}}"}
MEMBER = "{dataset: sim, split: held-out, features: two, model: logistic, target: {threshold: [8, 10]}}"


def configured(folder, **others: str) -> dict:
    return loaded(folder, CONFIG, STACK, {"a": MEMBER, "b": MEMBER.replace("logistic", "sgc"), **others})


def test_a_stack_follows_the_experiments_that_it_stacks(tmp_path):
    planned = {job.name: job for job in jobs(Plan(configured(tmp_path)), [])}
    order, made = list(planned), planned["stacked_features/sim/both"]
    assert (
        order.index("evaluate/a") < order.index("evaluate/b") < order.index(made.name) < order.index("train/first/all")
    )
    assert made.inputs["models"] == [f"results/experiments/{name}/model.h5" for name in "ab"]
    assert planned["train/first/all"].inputs["features"] == made.outputs
    assert {"graincast/models/logistic.py", "graincast/models/sgc.py"} <= set(made.programs)


@pytest.mark.parametrize(
    ("member", "message"),
    [
        (MEMBER.replace("held-out", "folds"), "b has split folds, but first has held-out"),
        (MEMBER.replace("sim", "raw"), "b has dataset raw, but first has sim"),
        (MEMBER.replace("8, 10", "8"), "b lacks target.threshold 10 of first"),
        (MEMBER.replace("{threshold", "{aggregate: max, threshold"), "b has target.aggregate max, but first has mean"),
        (STACK, "b is a stack itself; name the experiments that it stacks"),
    ],
)
def test_experiments_with_other_folds_or_targets_are_refused(tmp_path, member, message):
    with pytest.raises(ConfigError, match=f"stacked_sets.both.experiments: {message}"):
        configured(tmp_path, b=member)


def test_an_unknown_experiment_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="'b' is not among the experiments of this configuration"):
        loaded(tmp_path, CONFIG | {"experiments": "[first, a]"}, STACK, {"a": MEMBER})
