"""Graph attention: symmetries, trials that do not disturb each other, and tasks that need its layers."""

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


def partition(count: int, seed: int = 2) -> np.ndarray:
    return np.random.default_rng(seed).choice(["train", "validation", "test", ""], count, p=[0.6, 0.2, 0.1, 0.1])


def train(data, grid=None, training=None, kind="abnormal", grains="candidate", **how):
    grid = grid or (GRID if kind == "abnormal" else RATIO_GRID)
    how = {"subsets": {"all": partition(len(data.name))}, **how}
    target = targets.of_data(data, grid.get("threshold", [None]), kind, grains)
    return gat.train(data, target=target, grid=grid, training={**TRAINING, **(training or {})}, **how)


@pytest.fixture(scope="module")
def model(table):
    return train(table).models[TRIAL, "all"]


def same(one, other, keys=None):
    for key in keys or one.models:
        np.testing.assert_array_equal(one.curves[key], other.curves[key])
        assert one.iterations[key] == other.iterations[key]
        for name, value in one.models[key]["state"].items():
            assert torch.equal(value, other.models[key]["state"][name]), (key, name)


def some_of(data: FeatureTable, numbers: list[int], nodes=lambda i, n: np.arange(n)) -> FeatureTable:
    """Some graphs alone, in the order of their names, their nodes put in the order `nodes` gives."""
    found = []
    for i in numbers:
        node, edge = slice(*data.node_ptr[i : i + 2]), slice(*data.edge_ptr[i : i + 2])
        order = nodes(i, node.stop - node.start)
        found.append(
            {
                "name": data.name[i],
                "x": data.x[node][order],
                "candidate": data.candidate[node][order],
                "edges": np.argsort(order).astype(np.int32)[data.edges[edge]],
                "edge_x": data.edge_x[edge],
                "growth_ratio": data.grain_ratios()[i][:, order],
            }
        )
    return assemble(data.columns, found)


def shuffled(i: int, n: int) -> np.ndarray:
    return np.random.default_rng(i).permutation(n)


def test_the_order_of_nodes_changes_nothing(table, model):
    permuted = some_of(table, range(40), shuffled)
    assert not np.array_equal(permuted.x, table.x)
    np.testing.assert_allclose(gat.predict(model, permuted), gat.predict(model, table), rtol=1e-5)
    everyone, other = (gat.predict({**model, "grains": "all"}, data) for data in (table, permuted))
    start = table.node_ptr[5]
    order = shuffled(5, table.node_ptr[6] - start)
    np.testing.assert_allclose(other[start : table.node_ptr[6]], everyone[start + order], rtol=1e-5)
    np.testing.assert_allclose(everyone[table.candidate], gat.predict(model, table), rtol=1e-6)


def test_training_does_not_depend_on_the_order_of_nodes(table):
    how = {"training": {"dropout": 0.0, "attention_dropout": 0.0}}
    one, other = train(table, **how), train(some_of(table, range(40), shuffled), **how)
    np.testing.assert_allclose(one.curves[TRIAL, "all"], other.curves[TRIAL, "all"], rtol=1e-3)


def test_a_batch_of_graphs_equals_one_by_one(table, model, monkeypatch):
    together = gat.predict(model, table)
    alone = np.concatenate([gat.predict(model, some_of(table, [i])) for i in range(40)])
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
    """The first layer as its users write it: self-loops with mean edge features are added by GATConv itself."""
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


def test_normalisation_is_of_the_training_part_alone_and_safe_for_constants(table):
    subset = partition(40)
    x = np.column_stack([table.x, np.full(len(table.x), 7.0)])
    data = replace(table, x=x, columns=[*table.columns, "constant"], edge_x=np.full_like(table.edge_x, 3.0))
    model = train(data).models[TRIAL, "all"]
    inside = np.repeat(subset == "train", np.diff(table.node_ptr))
    np.testing.assert_allclose(model["mean"], x[inside].mean(axis=0))
    np.testing.assert_allclose(model["std"], [*x[inside, :3].std(axis=0), 1])
    assert model["edge_std"].tolist() == [1.0]
    changed = x.copy()
    changed[~np.repeat(np.isin(subset, ["train", "validation"]), np.diff(table.node_ptr))] = 1e6
    other = train(replace(data, x=changed)).models[TRIAL, "all"]
    assert all(torch.equal(value, other["state"][key]) for key, value in model["state"].items())


def test_trials_and_partitions_trained_together_are_those_trained_alone(table):
    grid = {"threshold": [8.0, 10.0], "learning_rate": [0.01, 0.002], "weight_decay": [0.0, 0.1], "seed": [0, 3]}
    both = {"one": partition(40, 4), "all": partition(40)}
    together = train(table, grid, {"epochs": 2}, subsets=both)
    trials = list(itertools.product(*grid.values()))
    assert list(together.models) == [(trial, name) for name in both for trial in trials]
    for trial in (TRIAL, (8.0, 0.002, 0.1, 3)):
        alone = train(table, {axis: [value] for axis, value in zip(grid, trial, strict=True)}, {"epochs": 2})
        same(alone, together, [(trial, "all")])
    assert len({together.curves[trial, "all"][-1, 0] for trial in trials}) == len(trials)  # no two are one


def test_a_seed_gives_the_same_weights_whatever_was_drawn_before(table):
    first = train(table)
    torch.rand(3)
    same(first, train(table))


@pytest.mark.parametrize("kind", ["abnormal", "growth-ratio"])
@pytest.mark.parametrize("grains", ["candidate", "all"])
@pytest.mark.parametrize("loss_grains", ["candidate", "all", None])
def test_curves_are_of_the_targets_grains_and_of_the_model_kept(table, kind, grains, loss_grains):
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
        inside = np.repeat(partition(40) == name, grains_of)
        p, y = predicted[inside], target[inside]
        if kind == "abnormal":
            loss, second = -np.log(np.where(y, p, 1 - p)).mean(), ((p > 0.5) == y).mean()
        else:
            low, high = model["extremes"]
            loss, second = np.mean((p - y) ** 2) / (high - low) ** 2, np.abs(p - y).mean()
        np.testing.assert_allclose(curves[best, column], loss, rtol=1e-4)
        np.testing.assert_allclose(curves[best, column + 2], second, rtol=1e-4)


def test_growth_ratios_are_scaled_by_the_extremes_that_are_learned_from(table):
    inside = np.repeat(partition(40) == "train", np.diff(table.node_ptr))
    everyone = targets.of_data(table, [None], "growth-ratio", "all").values[None]
    for loss_grains, rows in (("all", inside), ("candidate", inside & table.candidate)):
        result = train(table, None, {"loss_grains": loss_grains, "epochs": 1}, "growth-ratio")
        (model,) = result.models.values()
        assert model["extremes"] == pytest.approx([everyone[rows].min(), everyone[rows].max()])


def test_other_grains_in_the_loss_change_what_is_learned(table):
    results = [train(table, None, {"loss_grains": grains}) for grains in ("candidate", "all")]
    one, other = (result.models[TRIAL, "all"]["state"]["last.weight"] for result in results)
    assert not torch.equal(one, other)


def test_an_early_stop_leaves_nan_and_counts_the_epochs_spared(table):
    told = []
    training = {"epochs": 60, "patience": 2}
    grid = {**GRID, "learning_rate": [0.05]}
    result = train(table, grid, training, advance=lambda amount, note: told.append(amount))
    (curves,), (best,) = result.curves.values(), result.iterations.values()
    assert curves.shape == (61, 4) and best + 2 < 60
    assert np.isfinite(curves[: best + 3]).all() and np.isnan(curves[best + 3 :]).all()
    assert sum(told) == gat.total_steps(1, 1, {**TRAINING, **training})[0] == 60


def test_a_model_survives_its_file(table, model, tmp_path):
    torch.save(model, tmp_path / "model.pt")
    np.testing.assert_array_equal(
        gat.predict(torch.load(tmp_path / "model.pt", weights_only=True), table), gat.predict(model, table)
    )


def test_other_features_are_refused(table, model):
    with pytest.raises(ValueError, match="the model wants the features"):
        gat.predict(model, replace(table, columns=["c0", "c2", "c1"]))
    with pytest.raises(ValueError, match="the model wants the features"):
        gat.predict(model, replace(table, edge_columns=["other"]))


class Killed(Exception):
    """Stands for the end of the process."""


def test_a_training_goes_on_where_it_was_cut_off(table, tmp_path):
    grid, both = {**GRID, "seed": [0, 1]}, {"all": partition(40), "one": partition(40, 4)}
    done = []

    def cut_off(amount, note):
        done.append(amount)
        if len(done) == 8:  # in the middle of the third of four trainings
            raise Killed

    with pytest.raises(Killed):
        train(table, grid, subsets=both, advance=cut_off, checkpoints=tmp_path)
    assert len(list(tmp_path.iterdir())) == 3
    again = []
    resumed = train(table, grid, subsets=both, advance=lambda *told: again.append(told), checkpoints=tmp_path)
    notes = [note for _, note in again if "resumed" in note]
    assert notes[:2] == ["resumed after epoch 3"] * 2
    assert notes[2:] in (["resumed after epoch 1"], ["resumed after epoch 2"])  # not every short epoch is written
    assert sum(amount for amount, _ in again) == 12
    same(resumed, train(table, grid, subsets=both))


def chains(count: int, seed: int = 0) -> FeatureTable:
    """Chains of six grains with the candidate at one end; the value of the marked grain, two hops away, decides."""
    rng = np.random.default_rng(seed)
    line = np.stack([np.arange(5), np.arange(1, 6)], axis=1)
    made = []
    for i in range(count):
        value, marked = rng.normal(size=6), np.arange(6) == 2
        ratio = rng.uniform(0, 20, (1, 6))
        ratio[0, 0] = 10 + 5 * np.tanh(2 * value[2])
        made.append(
            {
                "name": f"{i:04d}",
                "x": np.column_stack([value * marked, marked]),
                "candidate": np.arange(6) == 0,
                "edges": np.concatenate([line, line[:, ::-1]]).astype(np.int32),
                "edge_x": np.ones((10, 1)),
                "growth_ratio": ratio,
            }
        )
    return assemble(["value", "marked"], made)


LEARNING = {"epochs": 30, "batch_size": 16, "hidden": 8, "heads": 2, "dropout": 0.0, "attention_dropout": 0.0}


@pytest.mark.parametrize("kind", ["abnormal", "growth-ratio"])
def test_it_learns_what_depends_on_a_neighbours_neighbour(kind):
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


def test_it_works_on_data_without_edge_features_that_vary_or_any_edges():
    data = chains(20)
    none = replace(data, edges=data.edges[:0], edge_x=data.edge_x[:0], edge_ptr=np.zeros_like(data.edge_ptr))
    result = train(none)
    (model,) = result.models.values()
    assert np.isfinite(gat.predict(model, none)).all()


def test_initial_weights_are_of_the_seed_alone():
    def weights(seed):
        with seeded(seed):
            return gat.Network(3, 1, 4, 2, 0.0, 0.0, residual=False).last.weight.detach()

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))
