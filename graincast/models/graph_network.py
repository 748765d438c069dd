"""What all message-passing networks share: targets, normalisation, loss, batches, measuring, checkpoints.

A model is a module with a `Network` and a declaration that extends graph_network.yaml; gat.py shows it. A Network is
made with the numbers of node and edge features and the declaration's own training settings:

    Network(columns, edge_columns, **settings)
    forward(x [n, columns], edge_index [2, m], edge_attr [m, edge_columns], seen) -> [n]
    SELF_LOOPS   whether graphs get a self-loop at each node, with the mean features of its edges
    LAYERS       the number of message-passing layers; 0, the default, where forward takes no `seen`
    measured     settings that it takes from the training data
    pools        whether forward also takes `graph`, the index of each node's graph, int64 [n]; such a network has
                 candidates alone in the loss, and predicts no other grains

Where only the candidates' outputs are wanted, a network with LAYERS computes only what they depend on: `seen` says for
each layer how many of the first nodes it updates, and how many of the first edges it uses. WHOLE means all of them.

The output for each grain is the logit of abnormal growth or the scaled growth ratio; the loss is over the candidates
or over all grains, in minibatches of graphs. Messages go from row 0 of edge_index to row 1.
"""

import functools
import hashlib
import itertools
import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn.functional import binary_cross_entropy_with_logits, mse_loss

from graincast.experiment.targets import ABNORMAL, ALL, Target
from graincast.experiment.trained import Trained
from graincast.features import table
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput
from graincast.training import graph_batches
from graincast.training.device import device_of
from graincast.training.generators import seeded
from graincast.training.graph_batches import Batch, Graphs
from graincast.training.loop import Fitted, Settings, fit
from graincast.training.normalisation import moments_of

COLUMNS = {
    True: ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
    False: ("train_loss", "validation_loss", "train_mae", "validation_mae"),
}
SETTINGS = ("epochs", "patience", "clip", "plateau_factor", "plateau_patience", "mixed_precision")
SHARED = (*SETTINGS, "batch_size", "loss_grains")
AXES = ("threshold", "learning_rate", "weight_decay", "seed")
"""The settings of training, and the axes, that are not a network's own."""
MEASURED_TOGETHER, MEASURED_GRAINS = 512, 1 << 16
"""The most graphs, and grains, in a batch when measuring: fast, and small enough for any memory."""

Seen = Iterable[tuple[int | None, int | None]]
WHOLE: Seen = itertools.repeat((None, None))
"""For each layer the numbers of nodes and edges, where all are wanted: [:None] takes everything."""

read = table.read


class Network(torch.nn.Module):
    """What a model's network is, see above."""

    SELF_LOOPS: bool
    LAYERS = 0
    pools = False

    @classmethod
    def measured(cls, data: FeatureTable, inside: np.ndarray) -> dict:
        """Settings from the training data, the graphs in `inside` (bool [g]): built-in types, as a file stores them."""
        return {}


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """The total that `advance` counts up to, and its unit."""
    return points * folds * training["epochs"], "epochs"


def train(
    network: type[Network],
    data: FeatureTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda epochs, note: None,
    device: str = "cpu",
    checkpoints: Path | None = None,
    watch: Callable[[int, float], None] = lambda epoch, loss: None,
) -> Trained:
    """Train every point of a grid on every fold, one at a time.

    network      class of the network, see above
    subsets      {fold: subset of each microstructure, str [g]}: "train", "validation", "test" or ""
    target       abnormal or not, or the fraction of runs (cross-entropy), or the growth ratio, scaled to the range of
                 the ratios in the loss (mean squared error); of the candidates or of all grains, which the curves then
                 measure
    grid         the axes threshold (for abnormal), learning_rate, weight_decay, seed, and a network's own
    training     the keys SHARED: those of loop.Settings; batch_size, in graphs; and loss_grains, the grains in the
                 loss: candidate, all, or None for the target's grains; and a network's own
    advance      called with the number of epochs done and a note of the validation loss
    checkpoints  a folder to resume from, with one file per trial and fold; the caller deletes it after saving the
                 result
    watch        called with each epoch and the validation loss after it; it may raise an exception to end the training
    Features of nodes and edges are normalised with mean and std of the training set.
    """
    torch_device = device_of(device)
    result = Trained({}, {}, {}, np.arange(training["epochs"] + 1), COLUMNS[target.kind == ABNORMAL])
    for fold, subset in subsets.items():
        normalisation = _normalisation(data, subset == "train")
        graphs = {
            grains: _graphs(data, normalisation, network, grains)
            for grains in {target.grains, training["loss_grains"] or target.grains}
        }
        measured = network.measured(data, subset == "train")
        for trial in itertools.product(*grid.values()):
            point = dict(zip(grid, trial, strict=True))
            identity = _identity(network, data, subset, target, point, training)
            file = f"{hashlib.sha256(identity.encode()).hexdigest()[:16]}.pt"
            task = _Task(data, graphs, subset, target, point.get("threshold"), training, network, torch_device)
            with seeded(point["seed"]):
                own = {key: value for key, value in training.items() if key not in SHARED}
                own |= {axis: value for axis, value in point.items() if axis not in AXES}
                own |= measured
                module = network(len(data.columns), len(data.edge_columns), **own)
            if module.pools and ALL in (task.grains, task.loss_grains):
                raise BadInput("training.context surrounds candidates; predict and learn these alone, or remove it")
            fitted = fit(
                module,
                task.batches,
                task.loss,
                task.measure,
                Settings(
                    learning_rate=point["learning_rate"],
                    weight_decay=point["weight_decay"],
                    **{key: training[key] for key in SETTINGS},
                ),
                seed=point["seed"],
                device=device,
                checkpoint=Path(checkpoints, file) if checkpoints else None,
                identity=identity,
                advance=advance,
                watch=watch,
            )
            _record(result, (trial, fold), fitted)
            result.models[trial, fold] = {
                "columns": list(data.columns),
                "edge_columns": list(data.edge_columns),
                "grains": target.grains,
                **normalisation,
                "network": own,
                **({} if task.classify else {"extremes": [task.low, task.low + task.span]}),
                "state": {name: value.numpy() for name, value in fitted.state.items()},
            }
    return result


def predict(network: type[Network], model: dict, data: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth, or the growth ratio, from one trained model: float64 [g], or [N] for all.

    Raises ValueError if the features are not those that the model was trained on.
    """
    for key in ("columns", "edge_columns"):
        if list(getattr(data, key)) != list(model[key]):
            raise ValueError(f"the model needs the features {model[key]}, the data have {getattr(data, key)}")
    module = network(len(data.columns), len(data.edge_columns), **model["network"])
    module.load_state_dict({name: torch.from_numpy(value) for name, value in model["state"].items()})
    module.eval()
    scores = [torch.zeros(0)]
    with torch.no_grad():
        for part in data.parts():
            graphs = _graphs(part, model, network, model["grains"])
            batches = _batches(graphs, torch.arange(len(part.name)))
            scores += [_scores(module, batch, model["grains"])[0] for batch in batches]
    score = torch.cat(scores)
    if "extremes" in model:
        low, high = model["extremes"]
        return low + (high - low) * score.double().numpy()
    return torch.sigmoid(score.double()).numpy()


class _Task:
    """The learning task of one trial on one fold: batches with targets, loss, and measurements."""

    def __init__(
        self,
        data: FeatureTable,
        graphs: dict[str, Graphs],
        subset: np.ndarray,
        target: Target,
        threshold: float | None,
        training: dict,
        network: type[Network],
        device: torch.device,
    ) -> None:
        self.classify, self.grains = target.kind == ABNORMAL, target.grains
        self.loss_grains = training["loss_grains"] or target.grains
        self.batch_size = training["batch_size"]
        y = _grain_targets(data, target, threshold)
        in_loss = np.repeat(subset == "train", np.diff(data.node_ptr))
        if self.loss_grains != ALL:
            in_loss &= data.candidate
        self.low, self.span = 0.0, 1.0
        if not self.classify:
            self.low = float(y[in_loss].min())
            self.span = float(y[in_loss].max() - self.low) or 1.0
        scaled = torch.from_numpy(((y - self.low) / self.span).astype(np.float32))
        of = {grains: graph_batches.with_targets(one, scaled).to(device) for grains, one in graphs.items()}
        self.graphs, measured = of[self.loss_grains], of[self.grains]
        indices = {name: torch.from_numpy(np.flatnonzero(subset == name)) for name in ("train", "validation")}
        self.train = indices["train"]
        self.measured, self.indices = measured, indices

    def batches(self, order: torch.Generator) -> Iterator[Batch]:
        for index in torch.randperm(len(self.train), generator=order).split(self.batch_size):
            yield self.graphs.batch(self.train[index].to(self.graphs.x.device))

    def loss(self, network: torch.nn.Module, batch: Batch) -> torch.Tensor:
        return self._loss(*_scores(network, batch, self.loss_grains))

    def measure(self, network: torch.nn.Module) -> dict[str, float]:
        measured = {}
        for name, index in self.indices.items():
            pairs = [_scores(network, batch, self.grains) for batch in _batches(self.measured, index)]
            score, y = (torch.cat(values).double() for values in zip(*pairs, strict=True))
            second = ((score > 0) == (y > 0.5)).double() if self.classify else self.span * (score - y).abs()
            measured[name] = self._loss(score, y), second.mean()
        columns = COLUMNS[self.classify]
        return {column: float(measured[column.partition("_")[0]][i // 2]) for i, column in enumerate(columns)}

    def _loss(self, score: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
        return (binary_cross_entropy_with_logits if self.classify else mse_loss)(score, y)


def _scores(network: torch.nn.Module, batch: Batch, grains: str) -> tuple[torch.Tensor, torch.Tensor]:
    """The network's output and the targets, float32, for the candidates or all grains of a batch."""
    options: dict[str, Any] = {} if batch.seen is None else {"seen": batch.seen}
    options |= {"graph": batch.graph} if network.pools else {}
    score = network(batch.x, batch.edge_index, batch.edge_attr, **options).float()
    return (score, batch.y) if grains == ALL else (score[batch.candidate], batch.y[batch.candidate])


def _grain_targets(data: FeatureTable, target: Target, threshold: float | None) -> np.ndarray:
    """The target of each grain, float64 [N]; NaN for other grains if only candidates have one."""
    y = np.full(len(data.x), np.nan) if target.all_learned is None else target.all_learned[threshold].astype(float)
    if target.grains == ALL:
        return target.learned[threshold].astype(float)
    y[data.candidate_index] = target.learned[threshold]
    return y


def _normalisation(data: FeatureTable, mask: np.ndarray) -> dict[str, np.ndarray]:
    """Mean and std, float64, of the node and edge features of the graphs in `mask` (bool [g]).

    A constant feature gets a std of 1.
    """
    normalisation = {}
    for prefix in ("", "edge_"):
        mean, std = moments_of(functools.partial(data.rows_of, f"{prefix}x", mask))
        normalisation[f"{prefix}mean"], normalisation[f"{prefix}std"] = mean, std
    return normalisation


def _graphs(data: FeatureTable, normalisation: dict, network: type[Network], grains: str = ALL) -> Graphs:
    """The graphs with normalised features, and with self-loops if the network needs them.

    They are cut to what candidates see if only their outputs are wanted.
    """
    mean, std, edge_mean, edge_std = (normalisation[key] for key in ("mean", "std", "edge_mean", "edge_std"))

    def of_parts() -> Iterator[Graphs]:
        first_row = 0
        for part in data.parts():
            graphs = graph_batches.of_table(part, (part.x - mean) / std, (part.edge_x - edge_mean) / edge_std)
            graphs = replace(graphs, row=graphs.row + first_row)
            first_row += len(part.x)
            if network.SELF_LOOPS:
                graphs = graph_batches.with_self_loops(graphs)
            if network.LAYERS and grains != ALL:
                graphs = graph_batches.seen_by_candidates(graphs, network.LAYERS)
            yield graphs

    return graph_batches.joined(of_parts())


def _batches(graphs: Graphs, indices: torch.Tensor) -> Iterator[Batch]:
    largest = int(graphs.node_ptr.diff().max()) if len(indices) else 1
    together = max(1, min(MEASURED_TOGETHER, MEASURED_GRAINS // largest))
    return (graphs.batch(index.to(graphs.x.device)) for index in indices.split(together) if len(index))


def _identity(
    network: type[Network], data: FeatureTable, subset: np.ndarray, target: Target, point: dict, training: dict
) -> str:
    """Checkpoint key: network, data, target, trial and settings."""
    values = hashlib.sha256(_grain_targets(data, target, point.get("threshold")).data)
    values.update("\n".join(subset.tolist()).encode())
    inputs = {"data": data.fingerprint, "kind": target.kind, "grains": target.grains, "values": values.hexdigest()}
    return f"{network.__module__} " + json.dumps({**inputs, "point": point, "training": training}, sort_keys=True)


def _record(result: Trained, key: tuple, fitted: Fitted) -> None:
    """Add a trial's curves, with NaN after an early stop, and the epoch of its best state to the result."""
    curves = np.full((len(result.steps), len(result.columns)), np.nan)
    curves[: len(fitted.curves)] = fitted.curves
    result.curves[key], result.iterations[key] = curves, fitted.epoch
