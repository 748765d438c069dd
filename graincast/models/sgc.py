"""Simple graph convolution (Wu et al. 2019, arXiv 1902.07153), all points of a grid trained together.

The prediction for a microstructure is a linear function of its candidate's features averaged K times over neighbours
(S^K X W + b), so the propagation is done once, and what remains is small enough that all trials on all folds of
the data are one stack of matrices. Each trial's numbers are those that it gets when trained alone.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch

from graincast.experiment.targets import ABNORMAL, Target
from graincast.experiment.trained import Trained
from graincast.features import table
from graincast.features.table import FeatureTable
from graincast.models.sgc_propagation import moments, propagated

COLUMNS = {
    True: ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy"),
    False: ("train_loss", "validation_loss", "train_mae", "validation_mae"),
}
LARGEST = 32_000_000  # predictions of one iteration that are held at once: 256 MB

AXES = ("propagation_steps", "learning_rate", "weight_decay", "seed")  # and feature_subset, where wanted
TRAINING = ("iterations", "evaluate_every")
read = table.read


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """How much there is to do, as `advance` is told of it, and in which unit."""
    return training["iterations"], "iterations"


def train(
    data: FeatureTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda iterations, note: None,
    device: str = "cpu",
    checkpoints: object = None,
) -> Trained:
    """Train every point of a grid on every fold.

    subsets     for each fold the subset of each microstructure: str [g], "train", "validation", "test" or ""
    target    of the candidates: abnormal or not (cross-entropy), or the growth ratio, scaled with the extremes of the
              training set (mean squared error)
    grid      the axes threshold (for abnormal), feature_subset ("area+degree": the features used; all without it),
              propagation_steps, learning_rate, weight_decay, seed
    training  iterations, evaluate_every
    advance   told of iterations done, with a note of the mean loss
    A trial's model on a fold is that of the least validation loss among those evaluated. Runs on the CPU, in one
    go: device and checkpoints have no effect.
    """
    normalised, normalisation = _inputs(data, subsets, grid["propagation_steps"])
    axes = {"threshold": [None], "feature_subset": ["+".join(data.columns)], **grid}
    of_one = normalised.shape[0] * normalised.shape[1] * normalised.shape[2]
    of_one *= np.prod([len(axes[axis]) for axis in ("threshold", "learning_rate", "weight_decay", "seed")])
    at_once = max(1, int(LARGEST // of_one))
    feature_subsets = [
        axes["feature_subset"][start : start + at_once] for start in range(0, len(axes["feature_subset"]), at_once)
    ]
    made = []
    for number, some in enumerate(feature_subsets):
        stack = _Stack(normalised, subsets, target, {**axes, "feature_subset": some}, list(data.columns))

        def done(iterations: int, note: str, number: int = number) -> None:
            fraction = iterations * (number + 1) // len(feature_subsets) - iterations * number // len(feature_subsets)
            advance(fraction, note)

        made.append(_trained(stack, training, done, data, list(subsets), normalisation, list(grid)))
    first = made[0]
    for other in made[1:]:
        for key in ("models", "iterations", "curves"):
            getattr(first, key).update(getattr(other, key))
    return first


def predict(model: dict, data: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth, or the growth ratio, under one trained model, float64 [g].

    Raises ValueError for other features than those that the model was trained on.
    """
    if list(data.columns) != list(model["columns"]):
        raise ValueError(f"the model wants the features {model['columns']}, the data have {data.columns}")
    z, s = propagated(data, [model["propagation_steps"]])
    x = (torch.from_numpy(z[0]) - torch.from_numpy(s[0])[:, None] * model["mean"]) / model["std"]
    score = x @ model["weight"] + model["bias"]
    if "extremes" in model:
        low, high = model["extremes"]
        return (low + (high - low) * score[:, 0]).numpy()
    return torch.softmax(score, dim=1)[:, 1].numpy()


def _inputs(
    data: FeatureTable, subsets: dict[str, np.ndarray], propagation_steps: list[int]
) -> tuple[torch.Tensor, list]:
    """Normalised propagated features [K, folds, g, columns], and each fold's mean and std."""
    z, s = propagated(data, propagation_steps)
    normalisation = [moments(data, subset == "train") for subset in subsets.values()]
    x = np.stack([(z - s[..., None] * mean) / std for mean, std in normalisation], axis=1)
    return torch.from_numpy(x), normalisation


class _Stack:
    """The stack of trials: axes [K, fold, rate, features, threshold, seed]; a rate is (learning rate, weight decay)."""

    def __init__(self, x: torch.Tensor, subsets: dict, target: Target, axes: dict, columns: list[str]) -> None:
        self.axes, self.columns = axes, columns
        self.classify = target.kind == ABNORMAL
        self.outputs = 2 if self.classify else 1  # classes normal and abnormal, or the scaled growth ratio
        self.rates = list(itertools.product(axes["learning_rate"], axes["weight_decay"]))
        k, p, g, _ = x.shape
        self.flat = x.reshape(k * p, g, len(columns))
        self.shape = (k, p, len(axes["feature_subset"]), len(axes["threshold"]), len(axes["seed"]))
        self.weights = {}  # for each subset: 1 / count where a microstructure belongs to it, [folds, g]
        for name in ("train", "validation"):
            inside = torch.tensor(np.stack([subset == name for subset in subsets.values()]), dtype=torch.float64)
            self.weights[name] = inside / inside.sum(dim=1, keepdim=True)
        true = torch.tensor(np.stack([target.values[t] for t in axes["threshold"]]), dtype=torch.float64)  # [t, g]
        trained_on = [subset == "train" for subset in subsets.values()]
        ratios = [target.values[None][inside] for inside in trained_on] if not self.classify else []
        self.extremes = [(float(one.min()), float(one.max())) for one in ratios]
        low, high = torch.tensor(self.extremes or [(0.0, 1.0)] * p, dtype=torch.float64).T[..., None]
        self.span = torch.where(high > low, high - low, 1.0)  # [folds, 1]
        self.true = (true[:, None] - low) / self.span  # [t, folds, g]
        chosen = [feature_subset.split("+") for feature_subset in axes["feature_subset"]]
        self.mask = torch.tensor([[column in one for column in columns] for one in chosen], dtype=torch.float64)

    def initial(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Initial weights [K, p, f, t, s, columns, outputs] and biases of each rate, as of torch.nn.Linear."""
        weight = torch.zeros(len(self.mask), len(self.axes["seed"]), len(self.columns), self.outputs).double()
        bias = torch.zeros(len(self.mask), len(self.axes["seed"]), self.outputs).double()
        for f, inside in enumerate(self.mask.bool()):
            used = int(inside.sum())
            for s, seed in enumerate(self.axes["seed"]):
                generator, bound = torch.Generator().manual_seed(seed), used**-0.5
                w = torch.empty(self.outputs, used, dtype=torch.float64).uniform_(-bound, bound, generator=generator)
                weight[f, s, inside] = w.T
                bias[f, s].uniform_(-bound, bound, generator=generator)
        w = weight[:, None].expand(*self.shape, len(self.columns), self.outputs)
        b = bias[:, None].expand(*self.shape, self.outputs)
        return [(w.clone().requires_grad_(), b.clone().requires_grad_()) for _ in self.rates]

    def scores(self, rates: list[tuple[torch.Tensor, torch.Tensor]]) -> torch.Tensor:
        """The score of abnormal less that of normal growth, or the scaled growth ratio: [K, p, rate, f, t, s, g]."""
        k, p, f, t, s = self.shape
        w = torch.stack([weight for weight, _ in rates], dim=2)  # [K, p, rate, f, t, s, columns, outputs]
        b = torch.stack([bias for _, bias in rates], dim=2)
        if self.classify:
            w, b = w[..., 1] - w[..., 0], b[..., 1] - b[..., 0]
        else:
            w, b = w[..., 0], b[..., 0]
        w = w * self.mask[:, None, None, :]  # which leaves the gradient of unused features at zero, too
        w, b = w.reshape(k * p, -1, len(self.columns)), b.reshape(k * p, -1, 1)
        return torch.baddbmm(b, w, self.flat.transpose(1, 2)).reshape(k, p, -1, f, t, s, self.flat.shape[1])

    def losses(self, scores: torch.Tensor) -> torch.Tensor:
        """The loss of each prediction, in the shape of the scores."""
        true = self.true.permute(1, 0, 2)[:, None, None, :, None, :]  # [p, 1, 1, t, 1, g]
        if self.classify:  # -log softmax of the true class = softplus of the score turned against it
            return torch.nn.functional.softplus(scores * (1 - 2 * true))
        return (scores - true) ** 2

    def training_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """The sum of all trials' training losses: each one's gradient is its own."""
        return torch.einsum("kprftsg,pg->", self.losses(scores), self.weights["train"])

    def evaluate(self, scores: torch.Tensor) -> np.ndarray:
        """Training and validation loss, and accuracy or mean absolute error: float64 [4, K, p, rate, f, t, s]."""
        true = self.true.permute(1, 0, 2)[:, None, None, :, None, :]
        if self.classify:
            second = ((scores > 0) == (true == 1)).double()
        else:
            second = (scores - true).abs() * self.span[:, None, None, None, None]
        return torch.stack(
            [
                torch.einsum("kprftsg,pg->kprfts", value, self.weights[subset])
                for value in (self.losses(scores), second)
                for subset in ("train", "validation")
            ]
        ).numpy()


def _trained(stack: _Stack, training: dict, advance: Callable, data, names: list, normalisation, axes: list) -> Trained:
    """Train a stack, and take its models, best iterations and histories apart."""
    rates = stack.initial()
    # One parameter group for each learning rate and weight decay; Adam works elementwise, so trials stay apart.
    groups = [
        {"params": params, "lr": lr, "weight_decay": wd} for params, (lr, wd) in zip(rates, stack.rates, strict=True)
    ]
    adam = torch.optim.Adam(groups)
    best = None
    history: list[np.ndarray] = []
    steps: list[int] = []
    for iteration in range(training["iterations"] + 1):
        due = iteration % training["evaluate_every"] == 0 or iteration == training["iterations"]
        adam.zero_grad()
        scores = stack.scores(rates)
        if due:
            measured = stack.evaluate(scores.detach())
            history.append(measured)
            steps.append(iteration)
            best = _keep_best(best, measured[1], rates, iteration)
            advance(iteration - (steps[-2] if iteration else 0), f"loss {measured[0].mean():.4f}")
        if iteration < training["iterations"]:
            stack.training_loss(scores).backward()
            adam.step()
    return _taken_apart(stack, best, np.stack(history), np.array(steps), names, normalisation, axes)


def _keep_best(best: dict | None, loss: np.ndarray, rates: list, iteration: int) -> dict:
    """The best weights so far by validation loss, copied."""
    w = torch.stack([weight.detach() for weight, _ in rates], dim=2).numpy()
    b = torch.stack([bias.detach() for _, bias in rates], dim=2).numpy()
    if best is None:
        return {"loss": loss.copy(), "weight": w, "bias": b, "iteration": np.full(loss.shape, 0)}
    better = loss < best["loss"]
    for key, value in (("loss", loss), ("weight", w), ("bias", b), ("iteration", iteration)):
        best[key] = np.where(better.reshape(*better.shape, *[1] * (best[key].ndim - better.ndim)), value, best[key])
    return best


def _taken_apart(
    stack: _Stack, best: dict, history: np.ndarray, steps, names: list, normalisation, axes: list
) -> Trained:
    models, curves, iterations = {}, {}, {}
    for point in itertools.product(*(range(len(values)) for values in stack.axes.values())):
        at = dict(zip(stack.axes, point, strict=True))
        trial = tuple(stack.axes[axis][at[axis]] for axis in axes)
        rate = at["learning_rate"] * len(stack.axes["weight_decay"]) + at["weight_decay"]
        for p, name in enumerate(names):
            here = (at["propagation_steps"], p, rate, at["feature_subset"], at["threshold"], at["seed"])
            mean, std = normalisation[p]
            models[trial, name] = {
                "propagation_steps": stack.axes["propagation_steps"][at["propagation_steps"]],
                "columns": stack.columns,
                "mean": torch.from_numpy(mean),
                "std": torch.from_numpy(std),
                "weight": torch.from_numpy(best["weight"][here]) * stack.mask[at["feature_subset"]][:, None],
                "bias": torch.from_numpy(best["bias"][here].copy()),
            }
            if stack.extremes:
                low = stack.extremes[p][0]
                models[trial, name]["extremes"] = [low, low + float(stack.span[p])]
            iterations[trial, name] = int(best["iteration"][here])
            curves[trial, name] = history[(slice(None), slice(None), *here)]
    return Trained(models, iterations, curves, steps, COLUMNS[stack.classify])
