"""All declared models run one suite (model_suite.py), by the kind of their input."""

from dataclasses import replace

import numpy as np
from scipy.special import expit

from graincast.experiment import declaration
from graincast.experiment.stacked import StackedTable
from graincast.experiment.targets import LABEL
from graincast.features.table import FeatureTable, assemble
from graincast.vision.table import VisionTable, of_labelled, of_microstructures
from tests.tables import table_parts
from tests.unit.model_suite import COUNT, ModelSuite, folds


def rows_of(data: FeatureTable, i: int, rng: np.random.Generator | None = None) -> tuple[dict, np.ndarray]:
    """The i-th graph of a table as `assemble` takes it, and the rows of its grains.

    rng  puts its grains and its boundaries in another order
    """
    first, edge = data.node_ptr[i], slice(*data.edge_ptr[i : i + 2])
    nodes, edges = np.arange(data.node_ptr[i + 1] - first), np.arange(edge.stop - edge.start)
    if rng:
        nodes, edges = rng.permutation(nodes), rng.permutation(edges)
    graph = {
        "name": data.name[i],
        "x": data.x[first + nodes],
        "candidate": data.candidate[first + nodes],
        "edges": np.argsort(nodes).astype(np.int32)[data.edges[edge][edges]],
        "edge_x": data.edge_x[edge][edges],
        "growth_ratio": data.grain_ratios()[i][:, nodes],
    }
    return graph, first + nodes


def reordered(data: FeatureTable) -> tuple[FeatureTable, np.ndarray]:
    """The same graphs, each with its grains and boundaries in another order, and the rows of its grains in `data`."""
    rng = np.random.default_rng(3)
    graphs, rows = zip(*(rows_of(data, i, rng) for i in range(len(data.name))), strict=True)
    return assemble(data.columns, graphs), np.concatenate(rows)


class TestGraphs(ModelSuite):
    """Models of grain graphs."""

    TAKES = "feature_sets"

    @staticmethod
    def data(kind: str, count: int) -> FeatureTable:
        """Every grain's growth rises with the mean of the first feature over the grain and its neighbours."""
        graphs = table_parts(count)
        for graph in graphs:
            near = np.eye(len(graph["x"]))
            near[tuple(graph["edges"].T)] = 1
            driving = near @ (graph["x"][:, 0] - 5) / near.sum(axis=1)
            graph["growth_ratio"] = 10 + 8 * np.tanh(driving)[None]
        return assemble(["c0", "c1", "c2"], graphs)

    @staticmethod
    def selected(data: FeatureTable, numbers: np.ndarray) -> FeatureTable:
        return assemble(data.columns, [rows_of(data, i)[0] for i in numbers])

    @staticmethod
    def disturbed(data: FeatureTable, numbers: np.ndarray) -> FeatureTable:
        inside = np.repeat(np.isin(np.arange(len(data.name)), numbers), np.diff(data.node_ptr))
        return replace(data, x=data.x + 1000 * inside[:, None])

    @staticmethod
    def renamed(data: FeatureTable) -> FeatureTable:
        return replace(data, columns=data.columns[::-1])

    def test_the_order_of_grains_and_boundaries_changes_no_prediction(self, case, table, model):
        other, rows = reordered(table)
        assert not np.array_equal(other.x, table.x)
        before, after = case.model.predict(model, table), case.model.predict(model, other)
        np.testing.assert_allclose(after, before[rows] if case.grains == "all" else before, rtol=1e-5, atol=1e-6)

    def test_the_order_of_grains_and_boundaries_does_not_change_training(self, case, table):
        """Without dropout, which is drawn per grain in their order."""
        training = case.training(epochs=2, iterations=10, evaluate_every=5, dropout=0.0, attention_dropout=0.0)
        other, _ = reordered(table)
        before, after = (case.train(data, folds(COUNT), training=training) for data in (table, other))
        for key in before.models:
            np.testing.assert_allclose(after.curves[key], before.curves[key], rtol=1e-3)

    def test_grains_without_boundaries_are_predicted(self, case, table):
        alone = replace(table, edges=table.edges[:0], edge_x=table.edge_x[:0], edge_ptr=np.zeros_like(table.edge_ptr))
        for model in case.train(alone, folds(COUNT)).models.values():
            assert np.isfinite(case.model.predict(model, alone)).all()


class TestImages(ModelSuite):
    """Models of a vision network's features of images."""

    TAKES = "vision_sets"

    @staticmethod
    def data(kind: str, count: int) -> VisionTable:
        """Correlated features with noise, around one mean per class; the growth ratio depends on the class."""
        classes = 3 if kind == LABEL else 2
        rng = np.random.default_rng(0)
        label = rng.permutation(np.arange(count) % classes)
        hidden = rng.normal(size=(count, 8)) + 1.5 * rng.normal(size=(classes, 8))[label]
        x = np.maximum(hidden @ rng.normal(size=(8, 70)) + rng.normal(size=(count, 70)), 0).astype(np.float32)
        names = [f"{i:03d}" for i in range(count)]
        if kind == LABEL:
            return of_labelled(names, "a network", x, [f"class {i}" for i in label])
        ratios = [rng.uniform(4, 7, i % 3 + 1) + 9 * label[i] for i in range(count)]
        return of_microstructures(names, names, "a network", x, ratios)

    @staticmethod
    def selected(data: VisionTable, numbers: np.ndarray) -> VisionTable:
        names, x = [data.name[i] for i in numbers], data.x[numbers]
        if data.label is not None:
            return replace(data, name=names, group=names, x=x, label=data.label[numbers])
        return of_microstructures(names, names, data.network, x, [data.candidate_ratios()[i] for i in numbers])

    @staticmethod
    def disturbed(data: VisionTable, numbers: np.ndarray) -> VisionTable:
        x = data.x.copy()
        x[numbers] += 1000
        return replace(data, x=x)

    @staticmethod
    def renamed(data: VisionTable) -> VisionTable:
        return replace(data, x=data.x[:, :30])


class TestStacks(ModelSuite):
    """Models of other experiments' predictions."""

    TAKES = "stacked_sets"

    @staticmethod
    def data(kind: str, count: int) -> StackedTable:
        """Three experiments, whose folds differ; growth follows what two of them agree on."""
        rng = np.random.default_rng(0)
        logits = rng.normal(size=(2, 3, count, 3))
        logits[..., :2] += 2 * rng.normal(size=count)[:, None]
        ratios = 10 + 4 * logits[0, 0, :, 0] + 4 * logits[0, 0, :, 1]
        names = [f"{i:03d}" for i in range(count)]
        return StackedTable(
            name=names,
            group=names,
            columns=["one", "two", "three"],
            thresholds=np.array([10.0, 11.0]),
            folds=["one", "two", "all"],
            probability=expit(logits),
            growth_ptr=np.arange(count + 1),
            growth_ratio=np.maximum(ratios, 0),
        )

    @staticmethod
    def selected(data: StackedTable, numbers: np.ndarray) -> StackedTable:
        return data.selected(np.isin(np.arange(len(data.name)), numbers))

    @staticmethod
    def disturbed(data: StackedTable, numbers: np.ndarray) -> StackedTable:
        probability = data.probability.copy()
        probability[:, :, numbers] = 1 - probability[:, :, numbers]
        return replace(data, probability=probability)

    @staticmethod
    def renamed(data: StackedTable) -> StackedTable:
        return replace(data, columns=data.columns[::-1])


def test_every_declared_model_runs_the_suite():
    run = {suite.TAKES for suite in ModelSuite.__subclasses__()}
    for name in declaration.names():
        assert run & set(declaration.read(name).features), f"{name}: add a subclass of ModelSuite for its features"
