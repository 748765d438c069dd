"""Logistic and ridge regression and boosted trees: equal to scikit-learn's own predictions; what their inputs are."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from graincast.evaluation.testing import run_test
from graincast.experiment import targets
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO
from graincast.experiment.trained import REFITTED
from graincast.microstructure import BadInput
from graincast.models import boosted_trees, estimators, logistic
from tests.tables import feature_table

KINDS = {ABNORMAL: {"threshold": [10]}, GROWTH_RATIO: {}}


@pytest.fixture(scope="module")
def data():
    return feature_table(120, columns=5, seed=1)


@pytest.fixture(scope="module")
def subset(data):
    return np.random.default_rng(0).choice(["train", "validation", "test"], len(data.name))


def expected(estimator, data, subset, kind):
    """What a pipeline of scikit-learn predicts from the candidate's features."""
    x = data.x[data.candidate_index]
    ratio = np.array([ratios.mean() for ratios in data.candidate_ratios()])
    fitted = estimator.fit(
        x[subset == "train"], ratio[subset == "train"] > 10 if kind == ABNORMAL else ratio[subset == "train"]
    )
    return fitted.predict_proba(x)[:, 1] if kind == ABNORMAL else fitted.predict(x)


def only(trained):
    (model,) = trained.models.values()
    return model


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("transform", ["none", "log"])
def test_linear_models_equal_those_of_scikit_learn(data, subset, kind, transform):
    grid = {**KINDS[kind], "propagation_steps": [0], "transform": [transform], "c": [0.3]}
    target = targets.of_data(data, grid.get("threshold", [None]), kind)
    model = only(logistic.train(data, {"f": subset}, target, grid, {"refit": False}))
    first = [FunctionTransformer(lambda x: np.sign(x) * np.log1p(np.abs(x)))] * (transform == "log")
    last = LogisticRegression(C=0.3, tol=1e-8, max_iter=10_000) if kind == ABNORMAL else Ridge(1 / 0.3)
    reference = expected(make_pipeline(*first, StandardScaler(), last), data, subset, kind)
    np.testing.assert_allclose(logistic.predict(model, data), reference, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("trees", [1, 40])
def test_trees_equal_those_of_scikit_learn(data, subset, kind, trees):
    grid = {**KINDS[kind], "propagation_steps": [0], "trees": [trees, 60], "depth": [3], "shrinkage": [0.2]}
    own = {"min_samples_leaf": 4, "l2_regularization": 1.0}
    target = targets.of_data(data, grid.get("threshold", [None]), kind)
    trained = boosted_trees.train(data, {"f": subset}, target, grid, {**own, "refit": False})
    model = next(iter(trained.models.values()))
    sklearn = HistGradientBoostingClassifier if kind == ABNORMAL else HistGradientBoostingRegressor
    options = {"max_depth": 3, "learning_rate": 0.2, "early_stopping": False, **own}
    reference = expected(sklearn(max_iter=trees, **options), data, subset, kind)
    np.testing.assert_allclose(boosted_trees.predict(model, data), reference, rtol=1e-12, atol=1e-12)


def test_inputs_are_the_candidates_features_and_means_over_neighbours(data):
    found = estimators.inputs(data, 1, np.array([True, False, True, False, False]))
    for i in (0, 7, 119):
        first, candidate = data.node_ptr[i], data.candidate_index[i]
        edges = data.edges[data.edge_ptr[i] : data.edge_ptr[i + 1]]
        near = [candidate, *(edges[edges[:, 1] == candidate - first, 0] + first)]
        mean = data.x[near][:, [0, 2]].mean(axis=0)
        np.testing.assert_allclose(found[i], [*data.x[candidate], *mean])


def test_what_only_candidates_have_is_not_averaged(data, subset):
    x = data.x.copy()
    x[~data.candidate, 1] = 0
    grid = {"threshold": [10], "propagation_steps": [2], "transform": ["none"], "c": [1]}
    alone = replace(data, x=x)
    model = only(logistic.train(alone, {"f": subset}, targets.of_data(alone, [10]), grid, {"refit": False}))
    assert model["averaged"].tolist() == [True, False, True, True, True] and model["weight"].size == 5 + 2 * 4


def test_one_class_is_refused_by_name(data, subset):
    grid = {"threshold": [99], "propagation_steps": [0], "transform": ["none"], "c": [1]}
    with pytest.raises(BadInput, match="fold f: at threshold 99 all training targets are the same"):
        logistic.train(data, {"f": subset}, targets.of_data(data, [99]), grid, {"refit": False})


def test_the_refitted_model_is_the_one_fitted_to_training_and_validation_data(data, subset):
    grid = {"threshold": [10], "propagation_steps": [1], "transform": ["log"], "c": [0.1]}
    target = targets.of_data(data, [10])
    model = only(logistic.train(data, {"f": subset}, target, grid, {"refit": True}))
    joined = np.where(subset == "validation", "train", subset)
    for fitted, known in ((model, subset), (model[REFITTED], joined)):
        alone = only(logistic.train(data, {"f": known}, target, grid, {"refit": False}))
        assert np.array_equal(logistic.predict(fitted, data), logistic.predict(alone, data))


def test_the_refitted_model_is_tested_and_the_other_is_calibrated(data, subset):
    grid = {"threshold": [10], "propagation_steps": [0], "transform": ["log"], "c": [0.1]}
    target = targets.of_data(data, [10])
    model = only(logistic.train(data, {"f": subset}, target, grid, {"refit": True}))
    tested = run_test({10: {"f": "t"}}, lambda *_: model, {"f": subset}, target, data, logistic)
    first, refitted = logistic.predict(model, data), logistic.predict(model[REFITTED], data)
    expected = np.where(subset == "validation", first, refitted)
    assert [float(row[-1]) for row in tested.predictions] == pytest.approx(expected, rel=1e-8)
    assert tested.models["10"]["f"] is model
    plain = run_test({10: {"f": "t"}}, lambda *_: {**model, REFITTED: model}, {"f": subset}, target, data, logistic)
    scaling = [found.thresholds["10"]["calibration"]["by_fold"] for found in (tested, plain)]
    assert scaling[0] == scaling[1]


def test_fractions_are_learned_as_if_each_growth_run_were_a_sample(data, subset):
    runs = np.random.default_rng(4).integers(0, 2, (len(data.name), 4))
    soft = {10: runs.mean(axis=1)}
    grid = {"threshold": [10], "propagation_steps": [0], "transform": ["none"], "c": [0.3]}
    target = replace(targets.of_data(data, [10]), soft=soft)
    model = only(logistic.train(data, {"f": subset}, target, grid, {"refit": False}))
    x = data.x[data.candidate_index]
    z = StandardScaler().fit(x[subset == "train"]).transform(x)
    every_run = np.repeat(z[subset == "train"], 4, axis=0)
    reference = LogisticRegression(C=0.3 / 4, tol=1e-8, max_iter=10_000).fit(every_run, runs[subset == "train"].ravel())
    np.testing.assert_allclose(logistic.predict(model, data), reference.predict_proba(z)[:, 1], rtol=1e-3)
