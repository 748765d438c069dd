"""SVMs: the numbers of scikit-learn, components stored once, and refused input.

test_models_alike.py has what holds for other models too.
"""

import itertools
from dataclasses import replace

import numpy as np
import pytest
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC

from graincast.experiment import targets
from graincast.experiment.trained import FORMAT
from graincast.files import nested
from graincast.microstructure import BadInput
from graincast.models import svm
from graincast.vision import table
from graincast.vision.table import VisionTable

VARIANCE, C = [0.5, 0.9], [0.3, 10]


def images(classes: int, features: int = 70, count: int = 90, seed: int = 0) -> VisionTable:
    """Correlated features with noisy classes."""
    rng = np.random.default_rng(seed)
    label = rng.permutation(np.arange(count) % classes)
    hidden = rng.normal(size=(count, 8)) + 1.2 * rng.normal(size=(classes, 8))[label]
    x = np.maximum(hidden @ rng.normal(size=(8, features)) + rng.normal(size=(count, features)), 0).astype(np.float32)
    names = [f"{i:03d}" for i in range(count)]
    return table.of_labelled(names, "a network", x, [f"class {i}" for i in label])


def grains(count: int = 80, seed: int = 1) -> VisionTable:
    """Microstructures of one to three growth runs, whose growth correlates with their features."""
    labelled, rng = images(2, count=count, seed=seed), np.random.default_rng(seed)
    ratios = [rng.uniform(0, 6, int(rng.integers(1, 4))) + 6 * label for label in labelled.label]
    return table.of_microstructures(labelled.name, labelled.group, labelled.network, labelled.x, ratios)


def folds(count: int) -> dict[str, np.ndarray]:
    """Two folds, in which one image is in no subset."""
    subset = np.array(["train", "train", "train", "validation", "test"])[np.arange(count) % 5]
    subset[7] = ""
    return {"f1": subset, "f2": np.roll(subset, 2)}


def pipeline(variance: float, whiten: bool, c: float) -> object:
    return make_pipeline(
        PCA(variance, whiten=whiten, svd_solver="full"),
        SVC(C=c, decision_function_shape="ovr", break_ties=True, tol=svm.TOLERANCE),
    )


@pytest.mark.parametrize(
    ("classes", "features", "largest"), [(2, 70, 8000), (2, 30, 8000), (3, 70, 8000), (5, 30, 8000), (3, 70, 10)]
)
def test_scores_equal_those_of_scikit_learn(monkeypatch, classes, features, largest):
    """With more and fewer images than features, and with the kernel computed as a whole or by libsvm."""
    monkeypatch.setattr(svm, "LARGEST", largest)
    monkeypatch.setattr(svm, "TOLERANCE", 1e-8)  # so that only single precision limits the agreement
    data = images(classes, features)
    subsets = folds(len(data.name))
    grid = {"variance": VARIANCE, "whiten": [False, True], "c": C}
    target = targets.of_data(data, [None], "label")
    trained = svm.train(data, subsets, target, grid, {})
    assert set(trained.models) == set(itertools.product(itertools.product(*grid.values()), subsets))
    for (trial, fold), model in trained.models.items():
        inside = subsets[fold] == "train"
        reference = pipeline(*trial).fit(data.x[inside].astype(float), data.label[inside])
        assert model["count"] == reference[0].n_components_
        decision, scores = reference.decision_function(data.x.astype(float)), svm.predict(model, data)
        if classes == 2:
            decision = np.stack([-decision, decision], axis=1)
        np.testing.assert_allclose(scores, decision, atol=1e-5)
        np.testing.assert_array_equal(scores.argmax(axis=1), reference.predict(data.x.astype(float)))


def test_a_probability_above_one_half_is_the_class_of_the_svm():
    data = grains()
    subsets = folds(len(data.name))
    grid = {"threshold": [4, 6], "variance": [0.9], "whiten": [True], "c": C}
    trained = svm.train(data, subsets, targets.of_data(data, grid["threshold"]), grid, {})
    for ((threshold, *rest), fold), model in trained.models.items():
        inside = subsets[fold] == "train"
        abnormal = np.array([ratios.mean() > threshold for ratios in data.candidate_ratios()])
        reference = pipeline(*rest).fit(data.x[inside].astype(float), abnormal[inside])
        probability = svm.predict(model, data)
        assert 0 < probability.min() < 0.5 < probability.max() < 1
        np.testing.assert_array_equal(probability > 0.5, reference.predict(data.x.astype(float)))


def test_models_of_a_fold_share_their_components(tmp_path):
    data = images(3, features=4000)
    grid = {"variance": VARIANCE, "whiten": [False, True], "c": C}
    trained = svm.train(data, folds(90), targets.of_data(data, [None], "label"), grid, {})
    by_fold = {fold: {} for fold in folds(90)}
    for number, ((_, fold), model) in enumerate(trained.models.items()):
        by_fold[fold][str(number)] = model
    nested.write(tmp_path / "models.h5", FORMAT, by_fold, {})
    loaded, _ = nested.read(tmp_path / "models.h5", FORMAT)
    for models in (by_fold, loaded):
        for shared in ("axes", "learned"):
            stored = {id(model[shared]) for fold in models.values() for model in fold.values()}
            assert len(stored) == 2  # one per fold


def test_a_class_absent_from_training_is_never_predicted():
    data = images(4)
    subset = np.where(data.label == 1, "test", "train")
    grid = {"variance": [0.9], "whiten": [False], "c": [1]}
    trained = svm.train(data, {"all": subset}, targets.of_data(data, [None], "label"), grid, {})
    scores = svm.predict(trained.models[(0.9, False, 1), "all"], data)
    assert np.all(scores[:, 1] == -np.inf) and np.isfinite(scores[:, [0, 2, 3]]).all()
    assert np.mean(scores.argmax(axis=1) == data.label) > 0.5


def test_unlearnable_input_is_refused():
    data, grid = grains(), {"variance": [0.9], "whiten": [False], "c": [1]}
    subsets = folds(len(data.name))
    with pytest.raises(BadInput, match="model svm does not learn growth-ratio; choose abnormal or label"):
        svm.train(data, subsets, targets.of_data(data, [None], "growth-ratio"), grid, {})
    with pytest.raises(BadInput, match="fold f1: at threshold 99 all training targets are the same"):
        svm.train(data, subsets, targets.of_data(data, [99]), {"threshold": [99], **grid}, {})
    constant = replace(data, x=np.ones_like(data.x))
    with pytest.raises(BadInput, match="all training images have the same features"):
        svm.train(constant, subsets, targets.of_data(data, [6]), {"threshold": [6], **grid}, {})
