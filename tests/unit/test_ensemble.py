"""Ensembles: what their members are, and that the tested, stored and served model is all of them."""

import json

import numpy as np
import pytest

from graincast.evaluation import metrics
from graincast.experiment import splits, targets
from graincast.experiment.trained import read_members, read_models
from graincast.features import table
from graincast.files import csv_table
from graincast.models import ensemble, gat
from graincast.prediction import trained_model
from tests.tables import feature_table
from tests.tracked import experiment_of, job_of, train_and_test
from tests.unit.model_suite import SMALL, Case, assert_same

SIZE = 3
CASE = Case("gat", "abnormal", "candidate")
AXES = {"threshold": [10.0], "learning_rate": [0.01, 0.03], "weight_decay": [0], "seed": [4]}


@pytest.fixture(scope="module")
def data():
    return feature_table(40)


@pytest.fixture(scope="module")
def root(data, tmp_path_factory):
    """The results of an ensemble of graph attention networks on two folds."""
    root = tmp_path_factory.mktemp("ensemble")
    features, split = root / "results/datasets/made/features/three.h5", root / "split.csv"
    table.write(features, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    options = {"kind": "abnormal", "aggregate": "mean", "ensemble": SIZE}
    train_and_test(root, features, split, "gat", AXES, CASE.training(**SMALL), **options)
    return root


@pytest.fixture(scope="module")
def tested(root):
    return json.loads((experiment_of(root) / "test_metrics.json").read_text())


def test_members_are_the_chosen_trial_trained_with_further_seeds(root, data, tested):
    members = read_members(experiment_of(root) / "members/members.h5")
    chosen = tested["thresholds"]["10"]["chosen_by_fold"]
    assert {(trial, fold) for trial, by_fold in members.items() for fold in by_fold} == {
        (trial, fold) for fold, trial in chosen.items()
    }
    points = {t["trial"]: t["params"] for t in json.loads((job_of(root) / "trials.json").read_text())["trials"]}
    subsets = splits.subsets_of(root / "split.csv", data.name)
    for fold, trial in chosen.items():
        assert list(members[trial][fold]) == ["5", "6"]
        grid = {axis: [value] for axis, value in points[trial].items()} | {"seed": [6]}
        target = targets.of_data(data, [10.0])
        alone = gat.train(data, {fold: subsets[fold]}, target, grid, CASE.training(**SMALL))
        (model,) = alone.models.values()
        assert_same(members[trial][fold]["6"], model)


def test_the_mean_of_all_members_is_tested_and_stored(root, data, tested):
    assert tested["ensemble"] == SIZE
    stored, members = read_models(job_of(root) / "models.h5"), read_members(experiment_of(root) / "members/members.h5")
    outcome = tested["thresholds"]["10"]
    subsets = splits.subsets_of(root / "split.csv", data.name)
    target = targets.of_data(data, [10.0]).values[10.0]
    served = trained_model.load(experiment_of(root) / "model.h5").by_fold(data)
    for found, (fold, trial) in zip(served, outcome["chosen_by_fold"].items(), strict=True):
        models = [stored[trial][fold], *members[trial][fold].values()]
        each = np.stack([gat.predict(model, data) for model in models])
        assert np.ptp(each, axis=0).max() > 1e-3
        np.testing.assert_allclose(found, each.mean(axis=0), rtol=1e-12)
        test = subsets[fold] == "test"
        measured = metrics.measure("abnormal", target[test], each.mean(axis=0)[test])
        assert outcome["test_by_fold"][fold]["nll"] == pytest.approx(measured["nll"])
    _, rows = csv_table.read(experiment_of(root) / "predictions.csv")
    probability = dict(zip([row[0] for row in rows], [float(row[-1]) for row in rows], strict=True))
    by_name = {name: served[:, i] for i, name in enumerate(data.name)}
    assert all(np.isclose(by_name[name], value, atol=1e-6).any() for name, value in probability.items())


def test_a_model_alone_is_its_only_member():
    model = {"weight": np.ones(2)}
    assert ensemble.members(model) == [model]
    assert ensemble.members(ensemble.joined([model, model])) == [model, model]
