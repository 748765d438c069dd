"""Simple graph convolution trained as a batch, against PyTorch Geometric's SGConv trained one trial at a time.

test_models_alike.py has what holds for other models too.
"""

import copy
import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.nn import SGConv

from graincast.evaluation import metrics
from graincast.experiment import targets
from graincast.experiment.grid import feature_subsets
from graincast.models import sgc
from tests.tables import feature_table

COLUMNS = ["c0", "c1", "c2"]
GRID = {
    "threshold": [8, 11],
    "propagation_steps": [3, 1],
    "learning_rate": [0.003, 0.3],
    "weight_decay": [0, 0.05],
    "seed": [0, 5],
}
TRAINING = {"iterations": 40, "evaluate_every": 7}
POINTS = list(itertools.product(*GRID.values()))


def folds(count: int) -> dict[str, np.ndarray]:
    """Two folds with different fractions; in the second some microstructures are in no subset."""
    rng = np.random.default_rng(2)
    return {
        "r1f1": rng.choice(["train", "validation", "test"], count, p=[0.5, 0.3, 0.2]),
        "r1f2": rng.choice(["train", "validation", "test", ""], count, p=[0.4, 0.2, 0.2, 0.2]),
    }


def labels(table, thresholds=GRID["threshold"]) -> dict[float, np.ndarray]:
    return {threshold: targets.labels(table.candidate_ratios(), threshold, "mean") for threshold in thresholds}


def train(table, grid=None, training=None, **options):
    grid = {**GRID, **(grid or {})}
    values = options.pop("labels", None) or labels(table, grid["threshold"])
    target = targets.Target("abnormal", "candidate", values)
    options = {"subsets": folds(len(table.name)), "target": target, **options}
    return sgc.train(table, grid=grid, training=training or TRAINING, **options)


@pytest.fixture(scope="module")
def table():
    return feature_table(60)


@pytest.fixture(scope="module")
def result(table):
    return train(table)


def alone(table, subset, true, propagation_steps, learning_rate, weight_decay, seed):
    """Steps, curves, best iteration and predictions of one trial trained by PyTorch Geometric.

    true  bool [g]: classification; float [g]: regression, scaled to the extremes of the training set
    """
    nodes, classify = np.repeat(subset == "train", np.diff(table.node_ptr)), true.dtype == bool
    x = torch.from_numpy((table.x - table.x[nodes].mean(axis=0)) / table.x[nodes].std(axis=0))
    edges = torch.from_numpy(table.flat_edges.T.copy())
    low, high = (0, 1) if classify else (true[subset == "train"].min(), true[subset == "train"].max())
    target = torch.from_numpy(true.astype(np.int64) if classify else (true - low) / (high - low))
    inside = {name: torch.from_numpy(subset == name) for name in ("train", "validation")}
    outputs = 2 if classify else 1

    torch.manual_seed(seed)
    initial = torch.nn.Linear(x.shape[1], outputs, dtype=torch.float64)
    model = SGConv(x.shape[1], outputs, K=propagation_steps).double()
    model.lin.weight.data.copy_(initial.weight.data)
    model.lin.bias.data.copy_(initial.bias.data)
    adam = torch.optim.Adam(model.parameters(), lr=learning_rate, weight_decay=weight_decay)

    def losses(scores):
        if classify:
            return torch.nn.functional.cross_entropy(scores, target, reduction="none")
        return (scores[:, 0] - target) ** 2

    def seconds(scores):
        return (scores.argmax(1) == target).double() if classify else (scores[:, 0] - target).abs() * (high - low)

    curves, steps, best = [], [], None
    for iteration in range(TRAINING["iterations"] + 1):
        scores = model(x, edges)[table.candidate_index]
        loss = {name: losses(scores)[rows].mean() for name, rows in inside.items()}
        if iteration % TRAINING["evaluate_every"] == 0 or iteration == TRAINING["iterations"]:
            second = [seconds(scores)[rows].mean().item() for rows in inside.values()]
            curves.append([loss["train"].item(), loss["validation"].item(), *second])
            steps.append(iteration)
            if best is None or curves[-1][1] < best[0]:
                best = (curves[-1][1], iteration, copy.deepcopy(model))
        adam.zero_grad()
        loss["train"].backward()
        adam.step()
    with torch.no_grad():
        scores = best[2](x, edges)[table.candidate_index]
    predicted = torch.softmax(scores, dim=1)[:, 1] if classify else low + (high - low) * scores[:, 0]
    return steps, curves, best[1], predicted.numpy()


def assert_equal_to_one_trained_alone(result, key, table, reference):
    steps, curves, iteration, predicted = reference
    assert result.steps.tolist() == steps
    np.testing.assert_allclose(result.curves[key], curves, rtol=0, atol=1e-9, err_msg=str(key))
    assert result.iterations[key] == iteration
    np.testing.assert_allclose(
        sgc.predict(result.models[key], table), predicted, rtol=1e-9, atol=1e-9, err_msg=str(key)
    )


def test_every_trial_of_a_batch_equals_one_trained_alone_by_pytorch_geometric(table, result):
    abnormal = labels(table)
    assert 0.3 < abnormal[11].mean() < abnormal[8].mean() < 0.9
    best_iterations = set()
    for point, (name, subset) in itertools.product(POINTS, folds(len(table.name)).items()):
        threshold, *settings = point
        reference = alone(table, subset, abnormal[threshold], *settings)
        assert_equal_to_one_trained_alone(result, (point, name), table, reference)
        best_iterations.add(reference[2])
    assert len(best_iterations) > 3  # otherwise the checkpoints would prove little
    assert len(result.models) == len(POINTS) * 2


def test_growth_ratios_are_learned_as_by_pytorch_geometric(table):
    grid = {axis: values for axis, values in GRID.items() if axis != "threshold"}
    ratios = np.array([runs.mean() for runs in table.candidate_ratios()])
    target = targets.of_data(table, [None], kind="growth-ratio")
    fitted = sgc.train(table, folds(60), target, grid, TRAINING)
    assert fitted.columns[2:] == ("train_mae", "validation_mae")
    for point, (name, subset) in itertools.product(itertools.product(*grid.values()), folds(60).items()):
        reference = alone(table, subset, ratios, *point)
        assert_equal_to_one_trained_alone(fitted, (point, name), table, reference)


@pytest.mark.parametrize("largest", [sgc.LARGEST, 1])
def test_a_subset_of_features_trains_like_a_table_of_those_features(table, monkeypatch, largest):
    monkeypatch.setattr(sgc, "LARGEST", largest)  # 1: each subset is trained separately
    chosen = feature_subsets(COLUMNS, 1, 3)
    assert len(chosen) == 7 and chosen[3] == "c0+c1"
    grid = {
        "threshold": [8],
        "feature_subset": chosen,
        "propagation_steps": [1, 2],
        "learning_rate": [0.3],
        "weight_decay": [0.05],
        "seed": [5],
    }
    amounts = []
    fitted = sgc.train(
        table,
        folds(60),
        targets.Target("abnormal", "candidate", labels(table, [8])),
        grid,
        TRAINING,
        advance=lambda amount, note: amounts.append(amount),
    )
    assert sum(amounts) == TRAINING["iterations"]
    assert len(fitted.models) == 7 * 2 * 2
    for features, propagation_steps in itertools.product(chosen, [1, 2]):
        positions = [COLUMNS.index(column) for column in features.split("+")]
        subset = folds(60)["r1f2"]
        reference = alone(
            replace(table, x=table.x[:, positions]), subset, labels(table)[8], propagation_steps, 0.3, 0.05, 5
        )
        key = (8, features, propagation_steps, 0.3, 0.05, 5), "r1f2"
        assert_equal_to_one_trained_alone(fitted, key, table, reference)
        weight = fitted.models[key]["weight"]
        assert (np.abs(weight).sum(axis=1) > 0).tolist() == [i in positions for i in range(3)]


def test_the_returned_model_is_the_best_and_not_the_last(table, result):
    abnormal, overtrained = labels(table), 0
    for (point, name), curves in result.curves.items():
        held_out = folds(len(table.name))[name] == "validation"
        probability = sgc.predict(result.models[point, name], table)[held_out]
        measured = metrics.measure("abnormal", abnormal[point[0]][held_out], probability)
        assert measured["nll"] == pytest.approx(curves[:, 1].min(), abs=1e-12)
        best = int(curves[:, 1].argmin())
        assert measured["accuracy"] == pytest.approx(curves[best, 3])
        assert result.iterations[point, name] == result.steps[best]
        overtrained += curves[-1, 1] > curves[:, 1].min() + 1e-3
    assert overtrained > 5


@pytest.mark.parametrize(("iterations", "every"), [(20, 5), (20, 7), (3, 50)])
def test_progress_adds_up_to_the_iterations(table, iterations, every):
    amounts = []
    fitted = train(
        table,
        {axis: values[:1] for axis, values in GRID.items()},
        {"iterations": iterations, "evaluate_every": every},
        advance=lambda amount, note: amounts.append(amount),
    )
    assert np.cumsum(amounts).tolist() == fitted.steps.tolist()
    assert fitted.steps[-1] == iterations


def test_validation_targets_do_not_affect_what_is_learned(table, result):
    subset = folds(60)["r1f2"]
    flipped = {threshold: values ^ (subset == "validation") for threshold, values in labels(table).items()}
    changed = train(table, subsets={"r1f2": subset}, labels=flipped)
    for key in changed.models:
        np.testing.assert_allclose(changed.curves[key][:, 0], result.curves[key][:, 0], rtol=0, atol=1e-12)
