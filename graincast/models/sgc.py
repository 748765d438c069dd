"""Simple graph convolution (Wu et al. 2019, arXiv 1902.07153), with all points of a grid trained together.

The prediction for a microstructure is a linear function of its candidate's features, averaged K times over neighbours
(S^K X W + b). Propagation is therefore done once, and all trials on all folds train as one stack of matrices. Each
trial gets the same numbers as when trained alone.
"""

import itertools
import math
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
LARGEST = 32_000_000  # predictions in memory per iteration: 256 MB

read = table.read


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """The total that `advance` counts up to, and its unit."""
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
    watch: Callable[[int, float], None] = lambda iteration, loss: None,
) -> Trained:
    """Train every point of a grid on every fold.

    subsets   {fold: subset of each microstructure, str [g]}: "train", "validation", "test" or ""
    target    of the candidates: abnormal or not, or the fraction of runs (cross-entropy), or the growth ratio, scaled
              to the range of the training set (mean squared error)
    grid      the axes threshold (for abnormal), feature_subset ("area+degree"; all features without this axis),
              propagation_steps, learning_rate, weight_decay, seed
    training  iterations, evaluate_every
    advance   called with the number of iterations done and a note of the mean loss
    watch     called with each evaluated iteration and the mean validation loss; it may raise an exception to end the
              training
    The model of a trial and fold is the evaluated one with the lowest validation loss. Runs on the CPU without
    checkpoints: device and checkpoints have no effect.
    """
    normalised, normalisation = _inputs(data, subsets, grid["propagation_steps"])
    axes: dict[str, list] = {"threshold": [None], "feature_subset": ["+".join(data.columns)], **grid}
    predictions_per_subset = normalised.shape[0] * normalised.shape[1] * normalised.shape[2]
    predictions_per_subset *= math.prod(
        len(axes[axis]) for axis in ("threshold", "learning_rate", "weight_decay", "seed")
    )
    at_once = max(1, int(LARGEST // predictions_per_subset))
    chunks = [
        axes["feature_subset"][start : start + at_once] for start in range(0, len(axes["feature_subset"]), at_once)
    ]
    results = []
    for number, chunk in enumerate(chunks):
        stack = _Stack(normalised, subsets, target, {**axes, "feature_subset": chunk}, list(data.columns))

        def advance_chunk(iterations: int, note: str, number: int = number) -> None:
            advance(iterations * (number + 1) // len(chunks) - iterations * number // len(chunks), note)

        results.append(_train_stack(stack, training, advance_chunk, watch, list(subsets), normalisation, list(grid)))
    merged = results[0]
    for result in results[1:]:
        for key in ("models", "iterations", "curves"):
            getattr(merged, key).update(getattr(result, key))
    return merged


def predict(model: dict, data: FeatureTable) -> np.ndarray:
    """The probability of abnormal growth, or the growth ratio, from one trained model, float64 [g].

    Raises ValueError if the features are not those that the model was trained on.
    """
    if list(data.columns) != list(model["columns"]):
        raise ValueError(f"the model needs the features {model['columns']}, the data have {data.columns}")
    z, s = propagated(data, [model["propagation_steps"]])
    x = torch.from_numpy((z[0] - s[0][:, None] * model["mean"]) / model["std"])
    score = x @ torch.from_numpy(model["weight"]) + torch.from_numpy(model["bias"])
    if "extremes" in model:
        low, high = model["extremes"]
        return (low + (high - low) * score[:, 0]).numpy()
    return torch.softmax(score, dim=1)[:, 1].numpy()


def _inputs(
    data: FeatureTable, subsets: dict[str, np.ndarray], propagation_steps: list[int]
) -> tuple[torch.Tensor, list]:
    """Normalised propagated features [K, folds, g, columns], and (mean, std) of each fold."""
    z, s = propagated(data, propagation_steps)
    normalisation = [moments(data, subset == "train") for subset in subsets.values()]
    x = np.stack([(z - s[..., None] * mean) / std for mean, std in normalisation], axis=1)
    return torch.from_numpy(x), normalisation


class _Stack:
    """A stack of trials, axes [K, fold, rate, features, threshold, seed]; a rate is (learning rate, weight decay)."""

    def __init__(self, x: torch.Tensor, subsets: dict, target: Target, axes: dict, columns: list[str]) -> None:
        self.axes, self.columns = axes, columns
        self.classify, self.soft = target.kind == ABNORMAL, target.soft is not None
        self.outputs = 2 if self.classify else 1  # classes normal and abnormal, or the scaled growth ratio
        self.rates = list(itertools.product(axes["learning_rate"], axes["weight_decay"]))
        k, p, g, _ = x.shape
        self.flat = x.reshape(k * p, g, len(columns))
        self.shape = (k, p, len(axes["feature_subset"]), len(axes["threshold"]), len(axes["seed"]))
        self.weights = {}  # {subset: 1 / count for its microstructures, 0 for others, [folds, g]}
        for name in ("train", "validation"):
            inside = torch.tensor(np.stack([subset == name for subset in subsets.values()]), dtype=torch.float64)
            self.weights[name] = inside / inside.sum(dim=1, keepdim=True)
        true = torch.tensor(np.stack([target.learned[t] for t in axes["threshold"]]), dtype=torch.float64)  # [t, g]
        in_training = [subset == "train" for subset in subsets.values()]
        ratios = [target.values[None][inside] for inside in in_training] if not self.classify else []
        self.extremes = [(float(ratio.min()), float(ratio.max())) for ratio in ratios]
        low, high = torch.tensor(self.extremes or [(0.0, 1.0)] * p, dtype=torch.float64).T[..., None]
        self.span = torch.where(high > low, high - low, 1.0)  # [folds, 1]
        self.true = (true[:, None] - low) / self.span  # [t, folds, g]
        used = [feature_subset.split("+") for feature_subset in axes["feature_subset"]]
        self.mask = torch.tensor([[column in names for column in columns] for names in used], dtype=torch.float64)

    def initial(self) -> list[tuple[torch.Tensor, torch.Tensor]]:
        """Initial weights [K, p, f, t, s, columns, outputs] and biases for each rate, as torch.nn.Linear draws them."""
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
        """The score of abnormal minus normal growth, or the scaled growth ratio: [K, p, rate, f, t, s, g]."""
        k, p, f, t, s = self.shape
        w = torch.stack([weight for weight, _ in rates], dim=2)  # [K, p, rate, f, t, s, columns, outputs]
        b = torch.stack([bias for _, bias in rates], dim=2)
        if self.classify:
            w, b = w[..., 1] - w[..., 0], b[..., 1] - b[..., 0]
        else:
            w, b = w[..., 0], b[..., 0]
        w = w * self.mask[:, None, None, :]  # also zeroes the gradient of unused features
        w, b = w.reshape(k * p, -1, len(self.columns)), b.reshape(k * p, -1, 1)
        return torch.baddbmm(b, w, self.flat.transpose(1, 2)).reshape(k, p, -1, f, t, s, self.flat.shape[1])

    def losses(self, scores: torch.Tensor) -> torch.Tensor:
        """The loss of each prediction, in the shape of the scores."""
        true = self.true.permute(1, 0, 2)[:, None, None, :, None, :]  # [p, 1, 1, t, 1, g]
        if self.soft:
            return torch.nn.functional.softplus(scores) - true * scores
        if self.classify:  # -log softmax of the true class = softplus of the score against it
            return torch.nn.functional.softplus(scores * (1 - 2 * true))
        return (scores - true) ** 2

    def training_loss(self, scores: torch.Tensor) -> torch.Tensor:
        """The sum of all trials' training losses; trials share no parameters, so their gradients stay separate."""
        return torch.einsum("kprftsg,pg->", self.losses(scores), self.weights["train"])

    def evaluate(self, scores: torch.Tensor) -> np.ndarray:
        """Training and validation loss, and accuracy or mean absolute error: float64 [4, K, p, rate, f, t, s]."""
        true = self.true.permute(1, 0, 2)[:, None, None, :, None, :]
        if self.classify:
            second = ((scores > 0) == (true > 0.5)).double()
        else:
            second = (scores - true).abs() * self.span[:, None, None, None, None]
        return torch.stack(
            [
                torch.einsum("kprftsg,pg->kprfts", value, self.weights[subset])
                for value in (self.losses(scores), second)
                for subset in ("train", "validation")
            ]
        ).numpy()


def _train_stack(
    stack: _Stack,
    training: dict,
    advance: Callable,
    watch: Callable,
    folds: list,
    normalisation: list,
    axes: list,
) -> Trained:
    """Train a stack and split the result by trial and fold."""
    rates = stack.initial()
    # One parameter group per rate; Adam works elementwise, so trials stay separate
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
            watch(iteration, float(measured[1].mean()))
        if iteration < training["iterations"]:
            stack.training_loss(scores).backward()
            adam.step()
    assert best is not None  # set in the first iteration
    return _unstacked(stack, best, np.stack(history), np.array(steps), folds, normalisation, axes)


def _keep_best(best: dict | None, loss: np.ndarray, rates: list, iteration: int) -> dict:
    """The best weights so far by validation loss, as copies."""
    w = torch.stack([weight.detach() for weight, _ in rates], dim=2).numpy()
    b = torch.stack([bias.detach() for _, bias in rates], dim=2).numpy()
    if best is None:
        return {"loss": loss.copy(), "weight": w, "bias": b, "iteration": np.full(loss.shape, 0)}
    better = loss < best["loss"]
    for key, value in (("loss", loss), ("weight", w), ("bias", b), ("iteration", iteration)):
        best[key] = np.where(better.reshape(*better.shape, *[1] * (best[key].ndim - better.ndim)), value, best[key])
    return best


def _unstacked(
    stack: _Stack, best: dict, history: np.ndarray, steps: np.ndarray, folds: list, normalisation: list, axes: list
) -> Trained:
    models, curves, iterations = {}, {}, {}
    for point in itertools.product(*(range(len(values)) for values in stack.axes.values())):
        position = dict(zip(stack.axes, point, strict=True))
        trial = tuple(stack.axes[axis][position[axis]] for axis in axes)
        rate = position["learning_rate"] * len(stack.axes["weight_decay"]) + position["weight_decay"]
        for p, fold in enumerate(folds):
            index = (
                position["propagation_steps"],
                p,
                rate,
                position["feature_subset"],
                position["threshold"],
                position["seed"],
            )
            mean, std = normalisation[p]
            models[trial, fold] = {
                "propagation_steps": stack.axes["propagation_steps"][position["propagation_steps"]],
                "columns": stack.columns,
                "mean": mean,
                "std": std,
                "weight": best["weight"][index] * stack.mask[position["feature_subset"]][:, None].numpy(),
                "bias": best["bias"][index].copy(),
            }
            if stack.extremes:
                low = stack.extremes[p][0]
                models[trial, fold]["extremes"] = [low, low + float(stack.span[p])]
            iterations[trial, fold] = int(best["iteration"][index])
            curves[trial, fold] = history[(slice(None), slice(None), *index)]
    return Trained(models, iterations, curves, steps, COLUMNS[stack.classify])
