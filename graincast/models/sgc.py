"""Simple graph convolution (Wu et al. 2019, arXiv 1902.07153), all points of a grid trained together.

The class scores of a microstructure are a linear function of its candidate's features averaged K times over
neighbours (S^K X W + b), so the propagation is done once, and what remains is small enough that all trials on all
partitions of the data are one stack of matrices. Each trial's numbers are those that it gets when trained alone.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch

from graincast.features.table import FeatureTable
from graincast.models.trained import Trained
from graincast.propagation import moments, propagated

CLASSES = 2  # normal, abnormal


def train(
    table: FeatureTable,
    parts: dict[str, np.ndarray],
    labels: dict[float, np.ndarray],
    grid: dict[str, list],
    training: dict,
    advance: Callable[[int, str], None] = lambda iterations, note: None,
) -> Trained:
    """Train every point of a grid on every partition.

    parts     for each partition the part of each microstructure: str [g], "train", "validation", "test" or ""
    labels    for each threshold whether growth is abnormal: bool [g]
    grid      the axes threshold, hops, learning_rate, weight_decay, seed, in this order
    training  iterations, evaluate_every
    advance   told of iterations done, with a note of the mean loss
    The loss is the cross-entropy of the candidates of the training part; a trial's model on a partition is that of
    the least validation loss among those evaluated.
    """
    names = list(parts)
    normalised, normalisation = _inputs(table, parts, grid["hops"])
    problem = _Problem(normalised, parts, labels, grid)
    weight, bias = problem.initial()
    rates = list(itertools.product(grid["learning_rate"], grid["weight_decay"]))
    # One parameter group for each learning rate and weight decay; Adam works elementwise, so trials stay apart.
    groups = [[weight[i].requires_grad_(), bias[i].requires_grad_()] for i in range(len(rates))]
    adam = torch.optim.Adam(
        [{"params": group, "lr": lr, "weight_decay": wd} for group, (lr, wd) in zip(groups, rates, strict=True)]
    )

    best = None
    history: list[np.ndarray] = []
    steps: list[int] = []
    for iteration in range(training["iterations"] + 1):
        due = iteration % training["evaluate_every"] == 0 or iteration == training["iterations"]
        adam.zero_grad()
        scores = problem.logits([group[0] for group in groups], [group[1] for group in groups])
        if due:
            measured = problem.evaluate(scores.detach())
            history.append(measured)
            steps.append(iteration)
            best = problem.keep_best(best, measured, groups, iteration)
            advance(iteration - (steps[-2] if iteration else 0), f"loss {measured[0].mean():.4f}")
        if iteration < training["iterations"]:
            problem.loss(scores).backward()
            adam.step()
    return problem.trained(table, names, normalisation, best, np.stack(history), np.array(steps))


def predict(model: dict, table: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth under one trained model, float64 [g]. Raises ValueError for other features."""
    if list(table.columns) != list(model["columns"]):
        raise ValueError(f"the model wants the features {model['columns']}, the data have {table.columns}")
    z, s = propagated(table, [model["hops"]])
    x = (torch.from_numpy(z[0]) - torch.from_numpy(s[0])[:, None] * model["mean"]) / model["std"]
    return torch.softmax(x @ model["weight"] + model["bias"], dim=1)[:, 1].numpy()


def _inputs(table: FeatureTable, parts: dict[str, np.ndarray], hops: list[int]) -> tuple[torch.Tensor, list]:
    """Normalised propagated features [K, partitions, g, columns], and each partition's mean and std."""
    z, s = propagated(table, hops)
    normalisation = [moments(table, part == "train") for part in parts.values()]
    x = np.stack([(z - s[..., None] * mean) / std for mean, std in normalisation], axis=1)
    return torch.from_numpy(x), normalisation


class _Problem:
    """The stack of trials: axes [rate, K, partition, threshold, seed], rate = (learning rate, weight decay)."""

    def __init__(self, x: torch.Tensor, parts: dict, labels: dict, grid: dict) -> None:
        self.x, self.grid = x, grid
        k, p, g, self.columns = x.shape
        self.flat = x.reshape(k * p, g, self.columns)
        self.shape = (k, p, len(grid["threshold"]), len(grid["seed"]))
        self.weights = {}  # for each part: 1 / count where a microstructure belongs to it, [partitions, g]
        for name in ("train", "validation"):
            inside = torch.tensor(np.stack([part == name for part in parts.values()]), dtype=torch.float64)
            self.weights[name] = inside / inside.sum(dim=1, keepdim=True)
        self.target = torch.tensor(np.stack([labels[t] for t in grid["threshold"]]), dtype=torch.long)  # [t, g]

    def initial(self) -> tuple[list[torch.Tensor], list[torch.Tensor]]:
        """Initial weights [K, p, t, s, columns, 2] and biases of each rate, distributed as in torch.nn.Linear."""
        weight, bias = [], []
        for seed in self.grid["seed"]:
            generator = torch.Generator().manual_seed(seed)
            bound = self.columns**-0.5
            w = torch.empty(CLASSES, self.columns, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
            weight.append(w.T)
            bias.append(torch.empty(CLASSES, dtype=torch.float64).uniform_(-bound, bound, generator=generator))
        rates = len(self.grid["learning_rate"]) * len(self.grid["weight_decay"])
        w = torch.stack(weight).expand(*self.shape, self.columns, CLASSES)
        b = torch.stack(bias).expand(*self.shape, CLASSES)
        return [w.clone() for _ in range(rates)], [b.clone() for _ in range(rates)]

    def logits(self, weight: list[torch.Tensor], bias: list[torch.Tensor]) -> torch.Tensor:
        """The score of abnormal less that of normal growth: [K, p, rate, t, s, g]."""
        k, p, t, s = self.shape
        w = torch.stack(weight, dim=2)  # [K, p, rate, t, s, columns, 2]
        difference = (w[..., 1] - w[..., 0]).reshape(k * p, -1, self.columns)
        b = torch.stack(bias, dim=2)
        offset = (b[..., 1] - b[..., 0]).reshape(k * p, -1, 1)
        logit = torch.baddbmm(offset, difference, self.flat.transpose(1, 2))
        return logit.reshape(k, p, -1, t, s, self.flat.shape[1])

    def _nll(self, logit: torch.Tensor) -> torch.Tensor:
        # -log softmax of the true class = softplus of the logit turned against it
        sign = (1 - 2 * self.target).to(logit.dtype)[:, None, :]
        return torch.nn.functional.softplus(logit * sign)

    def loss(self, logit: torch.Tensor) -> torch.Tensor:
        """The sum of all trials' training losses: each one's gradient is its own."""
        return torch.einsum("kprtsg,pg->", self._nll(logit), self.weights["train"])

    def evaluate(self, logit: torch.Tensor) -> np.ndarray:
        """Training and validation loss and accuracy: float64 [4, K, p, rate, t, s]."""
        nll = self._nll(logit)
        right = ((logit > 0) == (self.target == 1)[:, None, :]).double()
        return torch.stack(
            [
                torch.einsum("kprtsg,pg->kprts", value, self.weights[part])
                for value in (nll, right)
                for part in ("train", "validation")
            ]
        ).numpy()

    def keep_best(self, best: dict | None, measured: np.ndarray, groups: list, iteration: int) -> dict:
        """The best weights so far by validation loss, copied."""
        w = torch.stack([group[0].detach() for group in groups], dim=2).numpy()
        b = torch.stack([group[1].detach() for group in groups], dim=2).numpy()
        if best is None:
            return {"loss": measured[1].copy(), "weight": w, "bias": b, "iteration": np.full(measured[1].shape, 0)}
        better = measured[1] < best["loss"]
        for key, value in (("loss", measured[1]), ("weight", w), ("bias", b), ("iteration", iteration)):
            best[key] = np.where(better.reshape(*better.shape, *[1] * (best[key].ndim - better.ndim)), value, best[key])
        return best

    def trained(self, table: FeatureTable, names: list, normalisation: list, best: dict, history: np.ndarray, steps):
        """Models, best iterations and histories by trial and partition."""
        models, curves, iterations = {}, {}, {}
        axes = [range(len(self.grid[axis])) for axis in self.grid]
        for point in itertools.product(*axes):
            t, k, lr, wd, s = point
            trial = tuple(values[i] for values, i in zip(self.grid.values(), point, strict=True))
            rate = lr * len(self.grid["weight_decay"]) + wd
            for p, name in enumerate(names):
                at = (k, p, rate, t, s)
                mean, std = normalisation[p]
                models[trial, name] = {
                    "hops": self.grid["hops"][k],
                    "columns": list(table.columns),
                    "mean": torch.from_numpy(mean),
                    "std": torch.from_numpy(std),
                    "weight": torch.from_numpy(best["weight"][at].copy()),
                    "bias": torch.from_numpy(best["bias"][at].copy()),
                }
                iterations[trial, name] = int(best["iteration"][at])
                curves[trial, name] = history[(slice(None), slice(None), *at)]
        return Trained(models, iterations, curves, steps)
