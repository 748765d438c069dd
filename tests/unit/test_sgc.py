"""Simple graph convolution trained as a batch, against PyTorch Geometric's SGConv trained one trial at a time."""

import copy
import itertools
from dataclasses import replace

import h5py
import numpy as np
import pytest
import torch
from torch_geometric.nn import SGConv

from graincast.evaluation import metrics
from graincast.experiment import targets, trained
from graincast.experiment.grid import feature_subsets
from graincast.features.table import assemble
from graincast.models import sgc
from tests.tables import feature_table, table_parts

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


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the matrices are small
    yield
    torch.set_num_threads(threads)


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
        assert (weight.abs().sum(dim=1) > 0).tolist() == [i in positions for i in range(3)]


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


def test_training_lowers_the_loss_and_beats_the_majority_class(table):
    grid = {"threshold": [8], "propagation_steps": [1], "learning_rate": [0.05], "weight_decay": [0], "seed": [0]}
    subsets = {"all": np.where(np.arange(60) % 3 == 0, "validation", "train")}
    fitted = train(table, grid, {"iterations": 200, "evaluate_every": 50}, subsets=subsets)
    (curves,) = fitted.curves.values()
    assert (np.diff(curves[:, 0]) < 0).all()
    assert curves[-1, 2] > max(labels(table)[8].mean(), 1 - labels(table)[8].mean()) + 0.05


def test_a_batch_of_graphs_is_predicted_like_each_graph_alone(result):
    graphs = table_parts(60)
    whole = assemble(COLUMNS, graphs)
    for point in POINTS[::7]:
        model = result.models[point, "r1f2"]
        all_at_once = sgc.predict(model, whole)
        some = sgc.predict(model, assemble(COLUMNS, graphs[5:50:4]))
        np.testing.assert_allclose(some, all_at_once[5:50:4], rtol=1e-12)
        single = [sgc.predict(model, assemble(COLUMNS, [graph]))[0] for graph in graphs[:10]]
        np.testing.assert_allclose(single, all_at_once[:10], rtol=1e-12)


def permuted(graph: dict, rng: np.random.Generator) -> dict:
    """The same graph with its nodes in another order."""
    order = rng.permutation(len(graph["x"]))
    edges = np.argsort(order)[graph["edges"]].astype(np.int32)
    return {
        **graph,
        "x": graph["x"][order],
        "candidate": graph["candidate"][order],
        "edges": edges[rng.permutation(len(edges))],
        "growth_ratio": graph["growth_ratio"][:, order],
    }


def test_the_order_of_nodes_and_edges_does_not_matter(table, result):
    rng = np.random.default_rng(1)
    other = assemble(COLUMNS, [permuted(graph, rng) for graph in table_parts(60)])
    assert not np.array_equal(other.x, table.x)
    again = train(other)
    for key, model in result.models.items():
        np.testing.assert_allclose(sgc.predict(model, other), sgc.predict(model, table), rtol=1e-11)
        np.testing.assert_allclose(again.curves[key], result.curves[key], rtol=0, atol=1e-9)


def test_only_training_data_affect_the_weights(table, result):
    subsets_of = folds(60)["r1f2"]
    unseen = ~np.isin(subsets_of, ["train", "validation"])
    x = table.x.copy()
    x[np.repeat(unseen, np.diff(table.node_ptr))] += 1000
    abnormal = {threshold: values ^ unseen for threshold, values in labels(table).items()}
    changed = train(replace(table, x=x), subsets={"r1f2": subsets_of}, labels=abnormal)
    for key in changed.models:
        np.testing.assert_allclose(changed.curves[key], result.curves[key], rtol=0, atol=1e-12)
        np.testing.assert_allclose(changed.models[key]["weight"], result.models[key]["weight"], rtol=1e-10)

    flipped = {threshold: values ^ (subsets_of == "validation") for threshold, values in labels(table).items()}
    changed = train(table, subsets={"r1f2": subsets_of}, labels=flipped)
    for key in changed.models:
        np.testing.assert_allclose(changed.curves[key][:, 0], result.curves[key][:, 0], rtol=0, atol=1e-12)


def test_the_same_seed_gives_the_same_result_and_another_seed_another(table, result):
    torch.manual_seed(99)  # the global generator is not used
    again = train(table)
    for key in result.models:
        np.testing.assert_array_equal(again.curves[key], result.curves[key])
        for name in ("weight", "bias"):
            assert torch.equal(again.models[key][name], result.models[key][name])
    for *point, _ in POINTS[::2]:
        a, b = (result.curves[(*point, seed), "r1f1"] for seed in GRID["seed"])
        assert (a[0, :2] != b[0, :2]).all()


def test_results_do_not_depend_on_other_trials_of_the_batch(table, result):
    fewer = {
        "threshold": [11],
        "propagation_steps": [1, 2],
        "learning_rate": [0.3],
        "weight_decay": [0.05, 0.2],
        "seed": [5, 1, 0],
    }
    smaller_batch = train(table, fewer, subsets={"r1f2": folds(60)["r1f2"]})
    shared = smaller_batch.models.keys() & result.models.keys()
    assert len(shared) == 2
    for key in shared:
        np.testing.assert_allclose(smaller_batch.curves[key], result.curves[key], rtol=0, atol=1e-12)
        assert smaller_batch.iterations[key] == result.iterations[key]
        np.testing.assert_allclose(smaller_batch.models[key]["weight"], result.models[key]["weight"], rtol=1e-10)


def test_predict_refuses_other_features(table, result):
    model = result.models[POINTS[0], "r1f1"]
    for columns in (["c1", "c0", "c2"], ["c0", "c1", "other"]):
        with pytest.raises(ValueError, match=r"needs the features \['c0', 'c1', 'c2'\], the data have"):
            sgc.predict(model, replace(table, columns=columns))


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


def test_the_files_of_a_job_hold_its_trained_models(tmp_path, table, result):
    trials = {f"trial {i}": point for i, point in enumerate(POINTS[:3])}
    trained.write(tmp_path / "job", {"folds": ["r1f1", "r1f2"]}, result, trials)
    models = trained.read_models(tmp_path / "job" / "models.h5")
    with h5py.File(tmp_path / "job" / "history.h5") as file:
        np.testing.assert_array_equal(file["steps"], result.steps)
        assert file["trial"].asstr()[:].tolist() == list(trials)
        for i, (name, point) in enumerate(trials.items()):
            for j, fold in enumerate(("r1f1", "r1f2")):
                np.testing.assert_array_equal(file["curves"][i, j], result.curves[point, fold])
                probability = sgc.predict(models[name][fold], table)
                np.testing.assert_array_equal(probability, sgc.predict(result.models[point, fold], table))
