"""What message-passing networks share: normalisation, loss, curves, checkpoints; and tasks that need their layers.

test_models_alike.py has what holds for other models too.
"""

import functools
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from graincast.experiment import declaration, targets
from graincast.features.table import FeatureTable, assemble
from graincast.files.declaration import chain
from graincast.microstructure import BadInput
from graincast.models import by_name, graph_network
from graincast.training.generators import seeded
from tests.tables import feature_table
from tests.unit.model_suite import LEARNING, SMALL, Case

NETWORKS = [
    name
    for name in declaration.names()
    if "graph_network" in [path.stem for path in chain(name, declaration.folders())]
]
SETTINGS = {key: setting["default"] for key, setting in declaration.read("graph_network").training.items()}
TRAINING = {**SETTINGS, "epochs": 3, "batch_size": 8, "patience": 0, "width": 4}
GRID = {"threshold": [10.0], "learning_rate": [0.01], "weight_decay": [0.0], "seed": [0]}
TRIAL = (10.0, 0.01, 0.0, 0)
RATIO_GRID = {axis: values for axis, values in GRID.items() if axis != "threshold"}


class Plain(graph_network.Network):
    """A small network: a grain's neighbours and boundaries give messages, whose sum decides."""

    SELF_LOOPS = True

    def __init__(self, columns: int, edge_columns: int, width: int) -> None:
        super().__init__()
        self.messages, self.last = torch.nn.Linear(columns + edge_columns, width), torch.nn.Linear(width, 1)

    def forward(self, x, edge_index, edge_attr):
        source, target = edge_index
        messages = torch.tanh(self.messages(torch.cat([x[source], edge_attr], dim=1)))
        return self.last(torch.zeros(len(x), messages.shape[1]).index_add_(0, target, messages))[:, 0]


predict = functools.partial(graph_network.predict, Plain)


@pytest.fixture(scope="module")
def table():
    return feature_table(40)


def subset_of(count: int) -> np.ndarray:
    return np.random.default_rng(2).choice(["train", "validation", "test", ""], count, p=[0.6, 0.2, 0.1, 0.1])


def train(data, grid=None, training=None, kind="abnormal", grains="candidate", **options):
    grid = grid or (GRID if kind == "abnormal" else RATIO_GRID)
    target = targets.of_data(data, grid.get("threshold", [None]), kind, grains)
    training = {**TRAINING, **(training or {})}
    return graph_network.train(Plain, data, {"all": subset_of(len(data.name))}, target, grid, training, **options)


@pytest.fixture(scope="module")
def model(table):
    return train(table).models[TRIAL, "all"]


def test_batches_of_any_size_are_measured_alike(table, model, monkeypatch):
    together = predict(model, table)
    monkeypatch.setattr(graph_network, "MEASURED_TOGETHER", 7)
    np.testing.assert_allclose(predict(model, table), together, rtol=1e-5)


def test_graphs_do_not_see_each_other(table, model):
    x = table.x.copy()
    x[table.node_ptr[3] : table.node_ptr[4]] += 1000
    changed = predict(model, replace(table, x=x)) != predict(model, table)
    assert np.flatnonzero(changed).tolist() == [3]


def test_a_candidate_is_predicted_alike_with_or_without_the_other_grains(table, model):
    all_grains = predict({**model, "grains": "all"}, table)
    np.testing.assert_allclose(all_grains[table.candidate], predict(model, table), rtol=1e-6)


def test_edges_with_other_features_are_refused(table, model):
    with pytest.raises(ValueError, match=r"the model needs the features \['boundary_length'\], the data have"):
        predict(model, replace(table, edge_columns=["other"]))


def test_normalisation_uses_the_training_set_only_and_survives_constants(table):
    x = np.column_stack([table.x, np.full(len(table.x), 7.0)])
    data = replace(table, x=x, columns=[*table.columns, "constant"], edge_x=np.full_like(table.edge_x, 3.0))
    model = train(data).models[TRIAL, "all"]
    inside = np.repeat(subset_of(40) == "train", np.diff(table.node_ptr))
    np.testing.assert_allclose(model["mean"], x[inside].mean(axis=0))
    np.testing.assert_allclose(model["std"], [*x[inside, :3].std(axis=0), 1])
    assert (model["edge_mean"].tolist(), model["edge_std"].tolist()) == ([3.0], [1.0])


@pytest.mark.parametrize("kind", ["abnormal", "growth-ratio"])
@pytest.mark.parametrize("grains", ["candidate", "all"])
@pytest.mark.parametrize("loss_grains", ["candidate", "all", None])
def test_curves_are_measured_on_the_grains_of_the_target_and_match_the_returned_model(table, kind, grains, loss_grains):
    result = train(table, None, {"loss_grains": loss_grains, "epochs": 4}, kind, grains)
    ((key, model),) = result.models.items()
    best, predicted = result.curves[key][result.iterations[key]], predict(model, table)
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
        np.testing.assert_allclose(best[column], loss, rtol=1e-4)
        np.testing.assert_allclose(best[column + 2], second, rtol=1e-4)


def test_growth_ratios_are_scaled_by_the_extremes_of_the_grains_in_the_loss(table):
    inside = np.repeat(subset_of(40) == "train", np.diff(table.node_ptr))
    ratios = targets.of_data(table, [None], "growth-ratio", "all").values[None]
    for loss_grains, rows in (("all", inside), ("candidate", inside & table.candidate)):
        result = train(table, None, {"loss_grains": loss_grains, "epochs": 1}, "growth-ratio")
        (model,) = result.models.values()
        assert model["extremes"] == pytest.approx([ratios[rows].min(), ratios[rows].max()])


def test_other_grains_in_the_loss_change_what_is_learned(table):
    candidate, all_grains = (
        train(table, None, {"loss_grains": grains}).models[TRIAL, "all"]["state"]["last.weight"]
        for grains in ("candidate", "all")
    )
    assert not np.array_equal(candidate, all_grains)


def test_an_early_stop_leaves_nan_and_reports_the_skipped_epochs_as_done(table):
    amounts = []
    grid = {**GRID, "learning_rate": [0.05]}
    training = {"epochs": 60, "patience": 2}
    result = train(table, grid, training, advance=lambda amount, note: amounts.append(amount))
    (curves,), (best,) = result.curves.values(), result.iterations.values()
    assert curves.shape == (61, 4) and best + 2 < 60
    assert np.isfinite(curves[: best + 3]).all() and np.isnan(curves[best + 3 :]).all()
    assert sum(amounts) == 60


def test_a_network_takes_its_settings_from_training_and_from_axes_of_its_own(table):
    grid = {**GRID, "width": [2, 5]}
    training = {key: value for key, value in TRAINING.items() if key != "width"}
    target = targets.of_data(table, [10.0])
    result = graph_network.train(Plain, table, {"all": subset_of(40)}, target, grid, training)
    for (trial, _), model in result.models.items():
        assert model["network"] == {"width": trial[-1]}
        assert model["state"]["last.weight"].shape == (1, trial[-1])
        assert np.isfinite(predict(model, table)).all()


def test_checkpoints_of_other_data_settings_or_networks_are_not_resumed(table, tmp_path):
    def notes(**options) -> str:
        reports = []
        train(table, **options, checkpoints=tmp_path, advance=lambda _, note: reports.append(note))
        return " ".join(reports)

    assert "resumed" not in notes()
    assert "resumed after epoch 3" in notes()
    assert "resumed" not in notes(training={"batch_size": 9})
    assert "resumed" not in notes(grains="all")
    assert "resumed" not in notes(grid={**GRID, "threshold": [11.0]})


def settings_of(name: str, table: FeatureTable, **others: object) -> dict:
    """A network's own settings: the declared defaults, except those in `others`, and what it measures."""
    training = Case(name, "abnormal", "candidate").training(**others)
    own = {key: value for key, value in training.items() if key not in graph_network.SHARED}
    return own | by_name.load(name).Network.measured(table, np.ones(len(table.name), bool))


@pytest.mark.parametrize("name", NETWORKS)
def test_initial_weights_depend_on_the_seed_alone(name, table):
    network, own = by_name.load(name).Network, settings_of(name, table)

    def weights(seed):
        with seeded(seed):
            return network(3, 1, **own).last.weight.detach()

    assert torch.equal(weights(1), weights(1)) and not torch.equal(weights(1), weights(2))


def alone(table: FeatureTable, i: int) -> FeatureTable:
    return table.selected(np.arange(len(table.name)) == i)


def made_up(count: int, columns: list[str], graph: Callable[[np.random.Generator], dict]) -> FeatureTable:
    rng = np.random.default_rng(0)
    return assemble(columns, [{"name": f"{i:04d}", **graph(rng)} for i in range(count)])


def chain_of_grains(rng: np.random.Generator) -> dict:
    """Six grains in a line, the candidate at one end. The value of the marked grain two hops away decides."""
    value, marked = rng.normal(size=6), np.arange(6) == 2
    line = np.stack([np.arange(5), np.arange(1, 6)], axis=1)
    return {
        "x": np.column_stack([value * marked, marked]),
        "candidate": np.arange(6) == 0,
        "edges": np.concatenate([line, line[:, ::-1]]).astype(np.int32),
        "edge_x": np.ones((10, 1)),
        "growth_ratio": np.full((1, 6), 10 + 5 * np.tanh(2 * value[2])),
    }


def two_neighbours(rng: np.random.Generator) -> dict:
    """A candidate between two grains, of the values 1 and -1. That of the longer boundary decides."""
    value, length = rng.permutation([1.0, -1.0]), rng.permutation([1.0, 5.0])
    return {
        "x": np.array([[0.0], *value[:, None]]),
        "candidate": np.array([True, False, False]),
        "edges": np.array([[0, 1], [0, 2], [1, 0], [2, 0]], np.int32),
        "edge_x": np.tile(length, 2)[:, None],
        "growth_ratio": np.full((1, 3), 10 + 5 * value[length.argmax()]),
    }


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(("graph", "columns"), [(chain_of_grains, ["value", "marked"]), (two_neighbours, ["value"])])
def test_networks_learn_from_second_neighbours_and_from_boundaries(name, graph, columns):
    case, data = Case(name, "abnormal", "candidate"), made_up(300, columns, graph)
    subset = np.repeat(["train", "validation", "test"], [200, 40, 60])
    learning = {**LEARNING, "epochs": 10, "batch_size": 16, "learning_rate": [0.02]}
    trained = case.train(data, {"all": subset}, case.grid(**learning), case.training(**learning))
    (model,) = trained.models.values()
    grew = np.concatenate(data.candidate_ratios()) > 10
    right = (case.model.predict(model, data) > 0.5) == grew
    assert right[subset == "test"].mean() > 0.9


OPTIONS = [
    {},
    {"jumping": "concatenate"},
    {"jumping": "max", "norm": "layer"},
    {"norm": "batch"},
]


def module_and_graphs(name: str, table: FeatureTable, **options: object):
    """An untrained network, in eval mode, and whole graphs and those that the candidates see."""
    network = by_name.load(name).Network
    with seeded(0):
        module = network(len(table.columns), len(table.edge_columns), **settings_of(name, table, **options)).eval()
    normalisation = graph_network._normalisation(table, np.ones(len(table.name), bool))
    return module, *(graph_network._graphs(table, normalisation, network, grains) for grains in ("all", "candidate"))


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_network_computes_for_candidates_what_it_does_on_whole_graphs(name, table, options):
    module, graphs, seen = module_and_graphs(name, table, **options)
    for norm in module.norms:
        if options.get("norm") == "batch":
            norm.module.running_mean.uniform_(-1, 1)
            norm.module.running_var.uniform_(0.5, 2)
    assert len(seen.edge_attr) <= len(graphs.edge_attr) and module.LAYERS
    numbers = torch.arange(len(table.name))
    whole, cut = (graph_network._scores(module, one.batch(numbers), "candidate")[0] for one in (graphs, seen))
    torch.testing.assert_close(cut, whole, rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize("context", ["mean", "max"])
def test_context_pools_the_first_layer_of_whole_graphs_around_the_candidate(name, table, context):
    module, graphs, seen = module_and_graphs(name, table, context=context)
    pooled = []
    module.last.register_forward_pre_hook(lambda _, inputs: pooled.append(inputs[0]))
    graph_network._scores(module, seen.batch(torch.arange(len(table.name))), "candidate")
    whole = graphs.batch(torch.arange(len(table.name)))
    x = whole.x if module.first is None else module.activation(module.first(whole.x))
    first = module.activation(module.layers[0](x, whole.edge_index, whole.edge_attr))
    near = torch.zeros(len(x), dtype=torch.bool)
    near[whole.candidate] = True
    for _ in range(module.LAYERS - 1):
        near[whole.edge_index[0, near[whole.edge_index[1]]]] = True
    for graph, found in enumerate(pooled[0][:, -first.shape[1] :]):
        around = first[near & (whole.graph == graph)]
        expected = around.mean(dim=0) if context == "mean" else around.amax(dim=0)
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize("options", [*OPTIONS[1:], {"context": "mean", "jumping": "max"}, {"context": "max"}], ids=str)
@pytest.mark.parametrize("batch_size", [8, 1])
def test_networks_train_with_each_option_and_predict_each_graph_as_alone(table, options, batch_size):
    case = Case("gat", "abnormal", "candidate")
    training = case.training(**SMALL, **options) | {"batch_size": batch_size}
    ((_, model),) = case.train(table, {"all": subset_of(40)}, training=training).models.items()
    predicted = case.model.predict(model, table)
    assert np.ptp(predicted) > 0
    graph_by_graph = [case.model.predict(model, alone(table, i)) for i in range(5)]
    np.testing.assert_allclose(np.concatenate(graph_by_graph), predicted[:5], rtol=1e-5)


@pytest.mark.parametrize(("grains", "loss_grains"), [("all", None), ("candidate", "all")])
def test_a_context_of_all_grains_is_refused(table, grains, loss_grains):
    case = Case("gat", "abnormal", grains)
    training = case.training(**SMALL) | {"context": "mean", "loss_grains": loss_grains}
    with pytest.raises(BadInput, match="predict and learn these alone"):
        case.train(table, {"all": subset_of(40)}, training=training)


def test_options_at_their_defaults_add_no_parameters():
    """So that results without them stay what they were."""
    module = by_name.load("gat").Network(3, 1, 4, 2, 0.1, False, dropout=0.1)
    assert {name.split(".")[0] for name in module.state_dict()} == {"layers", "last"}
