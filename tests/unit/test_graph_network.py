"""Graph attention: symmetries, independent trials, and tasks that need its layers."""

import itertools
from dataclasses import replace

import numpy as np
import pytest
import torch
from torch_geometric.nn import GATConv

from graincast.experiment import targets
from graincast.features.table import FeatureTable, assemble
from graincast.models import gat
from graincast.training.generators import seeded
from tests.tables import feature_table

TRAINING = {
    "epochs": 3,
    "batch_size": 8,
    "hidden": 4,
    "heads": 2,
    "dropout": 0.2,
    "attention_dropout": 0.1,
    "residual": True,
    "loss_grains": "candidate",
    "patience": 0,
    "clip": 1.0,
    "plateau_factor": 0.5,
    "plateau_patience": 5,
    "mixed_precision": True,
}
GRID = {"threshold": [10.0], "learning_rate": [0.01], "weight_decay": [0.0], "seed": [0]}
TRIAL = (10.0, 0.01, 0.0, 0)
RATIO_GRID = {axis: values for axis, values in GRID.items() if axis != "threshold"}


@pytest.fixture(scope="module", autouse=True)
def one_thread():
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # the matrices are small
    yield
    torch.set_num_threads(threads)


@pytest.fixture(scope="module")
def table():
    return feature_table(40)


def subset_of(count: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).choice(["train", "validation", "test", ""], count, p=[0.6, 0.2, 0.1, 0.1])


def train(data, grid=None, training=None, kind="abnormal", grains="candidate", **options):
    grid = grid or (GRID if kind == "abnormal" else RATIO_GRID)
    options = {"subsets": {"all": subset_of(len(data.name))}, **options}
    target = targets.of_data(data, grid.get("threshold", [None]), kind, grains)
    return gat.train(data, target=target, grid=grid, training={**TRAINING, **(training or {})}, **options)


@pytest.fixture(scope="module")
def model(table):
    return train(table).models[TRIAL, "all"]


def assert_same(left, right, keys=None):
    for key in keys or left.models:
        np.testing.assert_array_equal(left.curves[key], right.curves[key])
        assert left.iterations[key] == right.iterations[key]
        for name, value in left.models[key]["state"].items():
            assert torch.equal(value, right.models[key]["state"][name]), (key, name)


def selected(data: FeatureTable, numbers: list[int], nodes=lambda i, n: np.arange(n)) -> FeatureTable:
    """The graphs of these numbers, in the order of their names, with nodes in the order that `nodes` returns."""
    graphs = []
    for i in numbers:
        node, edge = slice(*data.node_ptr[i : i + 2]), slice(*data.edge_ptr[i : i + 2])
        order = nodes(i, node.stop - node.start)
        graphs.append(
            {
                "name": data.name[i],
                "x": data.x[node][order],
                "candidate": data.candidate[node][order],
                "edges": np.argsort(order).astype(np.int32)[data.edges[edge]],
                "edge_x": data.edge_x[edge],
                "growth_ratio": data.grain_ratios()[i][:, order],
            }
        )
    return assemble(data.columns, graphs)


def shuffled(i: int, n: int) -> np.ndarray:
    return np.random.default_rng(i).permutation(n)


def test_the_order_of_nodes_changes_nothing(table, model):
    permuted = selected(table, range(40), shuffled)
    assert not np.array_equal(permuted.x, table.x)
    np.testing.assert_allclose(gat.predict(model, permuted), gat.predict(model, table), rtol=1e-5)
    in_order, reordered = (gat.predict({**model, "grains": "all"}, data) for data in (table, permuted))
    start = table.node_ptr[5]
    order = shuffled(5, table.node_ptr[6] - start)
    np.testing.assert_allclose(reordered[start : table.node_ptr[6]], in_order[start + order], rtol=1e-5)
    np.testing.assert_allclose(in_order[table.candidate], gat.predict(model, table), rtol=1e-6)


def test_training_does_not_depend_on_the_order_of_nodes(table):
    options = {"training": {"dropout": 0.0, "attention_dropout": 0.0}}
    in_order, reordered = train(table, **options), train(selected(table, range(40), shuffled), **options)
    np.testing.assert_allclose(in_order.curves[TRIAL, "all"], reordered.curves[TRIAL, "all"], rtol=1e-3)


def test_a_batch_predicts_what_each_graph_alone_does(table, model, monkeypatch):
    together = gat.predict(model, table)
    alone = np.concatenate([gat.predict(model, selected(table, [i])) for i in range(40)])
    np.testing.assert_allclose(alone, together, rtol=1e-5)
    monkeypatch.setattr(gat, "MEASURED_TOGETHER", 7)
    np.testing.assert_allclose(gat.predict(model, table), together, rtol=1e-5)


def test_graphs_do_not_see_each_other(table, model):
    before = gat.predict(model, table)
    x = table.x.copy()
    x[table.node_ptr[3] : table.node_ptr[4]] += 1000
    after = gat.predict(model, replace(table, x=x))
    assert np.flatnonzero(after != before).tolist() == [3]


def test_edge_features_matter(table, model):
    other = replace(table, edge_x=table.edge_x[::-1].copy())
    assert (gat.predict(model, other) != gat.predict(model, table)).any()


def test_the_layers_are_those_of_torch_geometric_with_its_self_loops(table, model):
    """The first layer as usually written: GATConv itself adds self-loops with mean edge features."""
    layer = GATConv(3, TRAINING["hidden"], TRAINING["heads"], edge_dim=1, residual=True)
    network = gat.Network(3, 1, **{key: TRAINING[key] for key in gat.SHAPE})
    network.load_state_dict(model["state"])
    network.eval()
    layer.load_state_dict(network.layers[0].state_dict())
    x = torch.tensor((table.x - model["mean"].numpy()) / model["std"].numpy(), dtype=torch.float32)
    edge_x = torch.tensor((table.edge_x - model["edge_mean"].numpy()) / model["edge_std"].numpy(), dtype=torch.float32)
    edges = torch.tensor(table.flat_edges.T)
    batch = gat._graphs(table, model).batch(torch.arange(40))
    torch.testing.assert_close(network.layers[0](x, batch.edge_index, batch.edge_attr), layer(x, edges, edge_x))


def test_normalisation_uses_the_training_set_only_and_survives_constants(table):
    subset = subset_of(40)
    x = np.column_stack([table.x, np.full(len(table.x), 7.0)])
    data = replace(table, x=x, columns=[*table.columns, "constant"], edge_x=np.full_like(table.edge_x, 3.0))
    model = train(data).models[TRIAL, "all"]
    inside = np.repeat(subset == "train", np.diff(table.node_ptr))
    np.testing.assert_allclose(model["mean"], x[inside].mean(axis=0))
    np.testing.assert_allclose(model["std"], [*x[inside, :3].std(axis=0), 1])
    assert model["edge_std"].tolist() == [1.0]
    changed_x = x.copy()
    changed_x[~np.repeat(np.isin(subset, ["train", "validation"]), np.diff(table.node_ptr))] = 1e6
    other = train(replace(data, x=changed_x)).models[TRIAL, "all"]
    assert all(torch.equal(value, other["state"][key]) for key, value in model["state"].items())


def test_trials_and_folds_trained_together_equal_those_trained_alone(table):
    grid = {"threshold": [8.0, 10.0], "learning_rate": [0.01, 0.002], "weight_decay": [0.0, 0.1], "seed": [0, 3]}
    folds = {"one": subset_of(40, 4), "all": subset_of(40)}
    together = train(table, grid, {"epochs": 2}, subsets=folds)
    trials = list(itertools.product(*grid.values()))
    assert list(together.models) == [(trial, name) for name in folds for trial in trials]
    for trial in (TRIAL, (8.0, 0.002, 0.1, 3)):
        alone = train(table, {axis: [value] for axis, value in zip(grid, trial, strict=True)}, {"epochs": 2})
        assert_same(alone, together, [(trial, "all")])
    assert len({together.curves[trial, "all"][-1, 0] for trial in trials}) == len(trials)  # all differ


def test_a_seed_gives_the_same_weights_whatever_random_numbers_were_drawn_before(table):
    first = train(table)
    torch.rand(3)
    assert_same(first, train(table))


@pytest.mark.parametrize("kind", ["abnormal", "growth-ratio"])
@pytest.mark.parametrize("grains", ["candidate", "all"])
@pytest.mark.parametrize("loss_grains", ["candidate", "all", None])
def test_curves_are_measured_on_the_grains_of_the_target_and_match_the_returned_model(table, kind, grains, loss_grains):
    grid = {**GRID, "seed": [1]} if kind == "abnormal" else {**RATIO_GRID, "seed": [1]}
    result = train(table, grid, {"loss_grains": loss_grains, "epochs": 4}, kind, grains)
    (key,) = result.models
    model, curves = result.models[key], result.curves[key]
    assert curves.shape == (5, 4) and result.steps.tolist() == [0, 1, 2, 3, 4]
    best = curves[:, 1].argmin()
    assert result.iterations[key] == best

    predicted = gat.predict(model, table)
    threshold = 10.0 if kind == "abnormal" else None
    target = targets.of_data(table, [threshold], kind, grains).values[threshold]
    grains_of = np.diff(table.node_ptr) if grains == "all" else 1
    for column, name in ((0, "train"), (1, "validation")):
        inside = np.repeat(subset_of(40) == name, grains_of)
        p, y = predicted[inside], target[inside]
        if kind == "abnormal":
            loss, second = -np.log(np.where(y, p, 1 - p)).mean(), ((p > 0.5) == y).mean()
        else:
            low, high = model["extremes"]
            loss, second = np.mean((p - y) ** 2) / (high - low) ** 2, np.abs(p - y).mean()
        np.testing.assert_allclose(curves[best, column], loss, rtol=1e-4)
        np.testing.assert_allclose(curves[best, column + 2], second, rtol=1e-4)


def test_growth_ratios_are_scaled_by_the_extremes_of_the_grains_in_the_loss(table):
    inside = np.repeat(subset_of(40) == "train", np.diff(table.node_ptr))
    ratios = targets.of_data(table, [None], "growth-ratio", "all").values[None]
    for loss_grains, rows in (("all", inside), ("candidate", inside & table.candidate)):
        result = train(table, None, {"loss_grains": loss_grains, "epochs": 1}, "growth-ratio")
        (model,) = result.models.values()
        assert model["extremes"] == pytest.approx([ratios[rows].min(), ratios[rows].max()])


def test_other_grains_in_the_loss_change_what_is_learned(table):
    results = [train(table, None, {"loss_grains": grains}) for grains in ("candidate", "all")]
    candidate, all_grains = (result.models[TRIAL, "all"]["state"]["last.weight"] for result in results)
    assert not torch.equal(candidate, all_grains)


def test_an_early_stop_leaves_nan_and_reports_the_skipped_epochs_as_done(table):
    amounts = []
    training = {"epochs": 60, "patience": 2}
    grid = {**GRID, "learning_rate": [0.05]}
    result = train(table, grid, training, advance=lambda amount, note: amounts.append(amount))
    (curves,), (best,) = result.curves.values(), result.iterations.values()
    assert curves.shape == (61, 4) and best + 2 < 60
    assert np.isfinite(curves[: best + 3]).all() and np.isnan(curves[best + 3 :]).all()
    assert sum(amounts) == gat.total_steps(1, 1, {**TRAINING, **training})[0] == 60


def test_a_saved_model_predicts_the_same(table, model, tmp_path):
    torch.save(model, tmp_path / "model.pt")
    np.testing.assert_array_equal(
        gat.predict(torch.load(tmp_path / "model.pt", weights_only=True), table), gat.predict(model, table)
    )


def test_other_features_are_refused(table, model):
    with pytest.raises(ValueError, match="the model needs the features"):
        gat.predict(model, replace(table, columns=["c0", "c2", "c1"]))
    with pytest.raises(ValueError, match="the model needs the features"):
        gat.predict(model, replace(table, edge_columns=["other"]))


class Killed(Exception):
    """Stands for a kill of the process."""


def test_training_resumes_where_it_was_cut_off(table, tmp_path):
    grid, folds = {**GRID, "seed": [0, 1]}, {"all": subset_of(40), "one": subset_of(40, 4)}
    amounts = []

    def cut_off(amount, note):
        amounts.append(amount)
        if len(amounts) == 8:  # in the middle of the third of four trainings
            raise Killed

    with pytest.raises(Killed):
        train(table, grid, subsets=folds, advance=cut_off, checkpoints=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    reports = []
    resumed = train(table, grid, subsets=folds, advance=lambda *report: reports.append(report), checkpoints=tmp_path)
    notes = [note for _, note in reports if "resumed" in note]
    assert notes[:2] == ["resumed after epoch 3"] * 2
    assert notes[2:] in (["resumed after epoch 1"], ["resumed after epoch 2"])  # not every short epoch is written
    assert sum(amount for amount, _ in reports) == 12
    assert_same(resumed, train(table, grid, subsets=folds))


def chains(count: int, seed: int = 0) -> FeatureTable:
    """Chains of six grains, the candidate at one end. The value of the marked grain two hops away decides."""
    rng = np.random.default_rng(seed)
    line = np.stack([np.arange(5), np.arange(1, 6)], axis=1)
    graphs = []
    for i in range(count):
        value, marked = rng.normal(size=6), np.arange(6) == 2
        ratio = rng.uniform(0, 20, (1, 6))
        ratio[0, 0] = 10 + 5 * np.tanh(2 * value[2])
        graphs.append(
            {
                "name": f"{i:04d}",
                "x": np.column_stack([value * marked, marked]),
                "candidate": np.arange(6) == 0,
                "edges": np.concatenate([line, line[:, ::-1]]).astype(np.int32),
                "edge_x": np.ones((10, 1)),
                "growth_ratio": ratio,
            }
        )
    return assemble(["value", "marked"], graphs)


LEARNING = {"epochs": 30, "batch_size": 16, "hidden": 8, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}


@pytest.mark.parametrize("kind", ["abnormal", "growth-ratio"])
def test_it_learns_a_target_that_depends_on_a_second_neighbour(kind):
    data = chains(300)
    subset = np.repeat(["train", "validation", "test"], [200, 40, 60])
    result = train(data, None, LEARNING, kind, subsets={"all": subset})
    (model,) = result.models.values()
    predicted = gat.predict(model, data)[subset == "test"]
    ratio = np.concatenate(data.candidate_ratios())[subset == "test"]
    if kind == "abnormal":
        assert np.mean((predicted > 0.5) == (ratio > 10)) > 0.9
    else:
        assert np.mean((predicted - ratio) ** 2) < 0.15 * ratio.var()


def test_it_trains_on_graphs_without_edges():
    data = chains(20)
    isolated = replace(data, edges=data.edges[:0], edge_x=data.edge_x[:0], edge_ptr=np.zeros_like(data.edge_ptr))
    result = train(isolated)
    (model,) = result.models.values()
    assert np.isfinite(gat.predict(model, isolated)).all()


def test_initial_weights_depend_on_the_seed_alone():
    def weights(seed):
        with seeded(seed):
            return gat.Network(3, 1, 4, 2, 0.0, 0.0, residual=False).last.weight.detach()

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
