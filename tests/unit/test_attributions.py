"""Attributions: that they sum to the prediction, are exact where a model is linear, and find a planted cause."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy.special import logit

from graincast.experiment.targets import ABNORMAL, CANDIDATE, GROWTH_RATIO
from graincast.explanation import by_model, gradients
from graincast.explanation.attributions import Attributions
from graincast.features.table import FeatureTable, assemble
from graincast.microstructure import BadInput
from graincast.models import by_name
from tests.tables import feature_table, table_parts
from tests.unit.model_suite import SMALL, THRESHOLD, Case

NETWORKS = ("gat", "gatv2", "gin", "pna", "sign")
WIDE = {**SMALL, "hidden": 16}
"""Narrow networks may be dead: every unit off."""
FINDING = {**WIDE, "epochs": 40, "iterations": 300}
"""With the networks' own dropout: without it, they learn a planted cause as well, but lean on other features too."""
SUBSET = np.array(["train", "train", "train", "validation", "test"])


def trained(name: str, kind: str, data: FeatureTable, settings: dict, **axes: list) -> dict:
    """One model of a kind, trained on three fifths of a table."""
    case = Case(name, kind, CANDIDATE)
    grid = {axis: values[:1] for axis, values in case.grid(**axes).items()}
    found = case.train(data, {"one": np.tile(SUBSET, len(data.name) // 5)}, grid, case.training(**settings))
    return next(iter(found.models.values()))


def attributed(name: str, model: dict, data: FeatureTable) -> Attributions:
    return by_model.method(name)(model, data)


def output(name: str, kind: str, model: dict, data: FeatureTable) -> np.ndarray:
    """What is explained: the logit of the prediction, or the growth ratio."""
    predicted = by_name.load(name).predict(model, data)
    return logit(predicted) if kind == ABNORMAL else predicted


@pytest.mark.parametrize("kind", [ABNORMAL, GROWTH_RATIO])
@pytest.mark.parametrize(
    ("name", "axes"),
    [
        ("sgc", {"propagation_steps": [2]}),
        ("logistic", {"propagation_steps": [0]}),
        ("logistic", {"propagation_steps": [2], "transform": ["none"]}),
        ("logistic", {"propagation_steps": [2], "transform": ["log"]}),
    ],
)
def test_linear_attributions_sum_to_the_prediction(name, axes, kind):
    data = feature_table(60)
    model = trained(name, kind, data, SMALL, **axes)
    found = attributed(name, model, data)
    assert np.abs(found.baseline + found.totals - output(name, kind, model, data)).max() < 1e-9
    np.testing.assert_allclose(found.output, output(name, kind, model, data), atol=1e-9)


@pytest.mark.parametrize(
    ("name", "axes"),
    [("sgc", {"propagation_steps": [2]}), ("logistic", {"propagation_steps": [2], "transform": ["none"]})],
)
def test_of_a_linear_model_an_attribution_is_the_change_without_the_grain(name, axes):
    """Where one feature of one grain takes its mean, the logit falls by just its attribution."""
    data = feature_table(60)
    model = trained(name, ABNORMAL, data, SMALL, **axes)
    found, before = attributed(name, model, data), output(name, ABNORMAL, model, data)
    row = int(data.node_ptr[7]) + 1
    assert not data.candidate[row] or row == data.candidate_index[7]
    for column in range(len(data.columns)):
        means = {float(value) for value in np.unique(_means(model, column, len(data.columns)))}
        if len(means) > 1:  # the mean of an average over grains differs from that of the candidates' own values
            continue
        x = data.x.copy()
        x[row, column] = means.pop()
        after = output(name, ABNORMAL, model, replace(data, x=x))
        assert before[7] - after[7] == pytest.approx(found.nodes[row, column], abs=1e-8)


def _means(model: dict, column: int, columns: int) -> np.ndarray:
    return np.asarray(model["mean"])[column::columns]


@pytest.mark.parametrize(
    ("name", "kind"),
    [*((name, ABNORMAL) for name in NETWORKS), *((name, GROWTH_RATIO) for name in ("gat", "gin", "sign"))],
)
def test_integrated_gradients_sum_to_prediction_minus_baseline(name, kind):
    data = feature_table(20)
    model = trained(name, kind, data, WIDE)
    found = attributed(name, model, data)
    np.testing.assert_allclose(found.output, output(name, kind, model, data), rtol=1e-4, atol=1e-4)
    if name == "pna":  # what it aggregates jumps from 0, unseen by gradients
        assert np.abs(found.residual).max() < 0.05 * np.abs(found.output - found.baseline).max()
    else:
        assert (np.abs(found.residual) <= found.allowed).all()
    assert np.ptp(found.totals) > 0


@pytest.mark.parametrize("name", ["gat", "gatv2", "gin", "sign"])
def test_where_every_feature_has_its_mean_the_output_is_the_baseline(name):
    data = feature_table(20)
    model = trained(name, ABNORMAL, data, SMALL)
    found = attributed(name, model, data)
    mean = model["mean"]
    flat = replace(data, x=np.tile(mean, (len(data.x), 1)))
    if "edge_mean" in model:
        flat = replace(flat, edge_x=np.tile(model["edge_mean"], (len(data.edge_x), 1)))
    of_flat = attributed(name, model, flat)
    np.testing.assert_allclose(of_flat.baseline, found.baseline, atol=1e-9)
    assert np.abs(of_flat.nodes).max() < 1e-5


@pytest.mark.parametrize("options", [{"context": "mean"}, {"jumping": "concatenate", "norm": "batch"}])
def test_options_of_networks_are_explained_too(options):
    data = feature_table(20)
    model = trained("gat", ABNORMAL, data, {**WIDE, **options})
    found = attributed("gat", model, data)
    np.testing.assert_allclose(found.output, output("gat", ABNORMAL, model, data), rtol=1e-4, atol=1e-4)
    assert (np.abs(found.residual) <= found.allowed).all()


def test_a_quadratic_is_integrated_exactly():
    x = torch.tensor([[1.0, 2.0], [3.0, -1.0]], dtype=torch.float64)
    (found,), start, end = gradients.integrated(lambda values: (values**2).sum(dim=1), (x,), 2)
    np.testing.assert_allclose(found, x.numpy() ** 2, atol=1e-12)  # each value adds its square
    np.testing.assert_allclose(end - start, found.sum(axis=1), atol=1e-12)


def planted(count: int) -> FeatureTable:
    """Stars of one candidate and five neighbours: it grows as the second feature of its neighbours says, alone."""
    rng, rows = np.random.default_rng(5), []
    for i, part in enumerate(table_parts(count, seed=4)):
        x = rng.normal(size=(6, 3))
        spokes = np.array([[0, j] for j in range(1, 6)])
        edges = np.concatenate([spokes, spokes[:, ::-1]]).astype(np.int32)
        x[1:, 1] *= 0.1
        x[1 + i % 5, 1] = 4.0 * rng.choice([-1, 1])  # the cause: one feature of one neighbour
        ratio = np.full((1, 6), THRESHOLD + 5 * np.sign(x[1 + i % 5, 1]))
        rows.append(
            {
                "name": part["name"],
                "x": x,
                "candidate": np.arange(6) == 0,
                "edges": edges[np.lexsort((edges[:, 1], edges[:, 0]))],
                "edge_x": rng.uniform(1, 2, (10, 1)),
                "growth_ratio": ratio,
            }
        )
    return assemble(["a", "cause", "c"], rows)


@pytest.mark.parametrize("name", ["sgc", "gatv2", "gin", "sign"])
def test_a_planted_cause_is_the_top_one(name):
    data = planted(200)
    model = trained(name, ABNORMAL, data, FINDING)
    right = (output(name, ABNORMAL, model, data) > 0) == (data.growth_ratio[data.candidate] > THRESHOLD)
    data = data.selected(np.arange(len(data.name)) < 60)
    found = attributed(name, model, data)
    tops = []
    for i in range(len(data.name)):
        of_one = np.abs(found.nodes[data.node_ptr[i] : data.node_ptr[i + 1]])
        grain, column = np.unravel_index(of_one.argmax(), of_one.shape)
        tops.append(found.columns[column] == "cause" and grain == 1 + i % 5)
    assert right.mean() > 0.9
    assert np.mean(tops) > 0.9


@pytest.mark.parametrize("name", ["boosted_trees", "svm"])
def test_a_model_without_attributions_is_one_clear_line(name):
    with pytest.raises(BadInput, match=f"model {name}: its predictions cannot be attributed"):
        by_model.method(name)
