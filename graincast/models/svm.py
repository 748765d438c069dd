"""A support vector machine with Gaussian kernel on principal components of a vision network's features.

The numbers are those of scikit-learn's PCA and SVC (gamma "scale") one after the other; what points of the grid have
in common, the decomposition and the kernel, is done once. Features are not standardised: they share one unit.
"""

import itertools
from collections.abc import Callable

import numpy as np
import torch
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from graincast.experiment.targets import ABNORMAL, LABEL, Target
from graincast.experiment.trained import Trained
from graincast.microstructure import BadInput
from graincast.vision import table
from graincast.vision.table import VisionTable

AXES = ("variance", "whiten", "c")
TRAINING = ()
TOLERANCE = 1e-3  # of the solver, as scikit-learn has it
LARGEST = 8000  # training pictures whose kernel is held as a whole: 512 MB; for more, libsvm makes it piece by piece
read = table.read


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """How much there is to do, as `advance` is told of it, and in which unit."""
    return points * folds, "SVMs"


def train(
    data: VisionTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda machines, note: None,
    device: str = "cpu",
    checkpoints: object = None,
) -> Trained:
    """Train every point of a grid on every fold.

    subsets     for each fold the subset of each picture: str [g], "train", "validation", "test" or ""
    target    abnormal or not, or the classes of labelled images
    grid      the axes threshold (for abnormal), variance (fraction of it that the components keep), whiten, c
    advance   told of machines trained, with a note of their support vectors
    There are no curves, and iterations are the solver's. On the CPU: device and checkpoints have no effect.
    Raises BadInput for another kind of target, or if a training set has one class only.
    """
    if target.kind not in (ABNORMAL, LABEL):
        raise BadInput(f"target.kind: model svm does not learn {target.kind}; choose {ABNORMAL} or {LABEL}")
    result = Trained({}, {}, {}, np.zeros(0, int), ())
    thresholds = grid.get("threshold", [None])
    for fold, subset in subsets.items():
        inside = subset == "train"
        true = {threshold: target.values[threshold][inside].astype(np.int64) for threshold in thresholds}
        for threshold, values in true.items():
            if np.unique(values).size < 2:
                at = "" if threshold is None else f"at threshold {threshold:g} "
                raise BadInput(f"fold {fold}: {at}all training targets are the same; nothing can be learned")
        components = _Components(data.x[inside], max(grid["variance"]))
        for variance, whiten in itertools.product(grid["variance"], grid["whiten"]):
            space = components.space(variance, whiten)
            z = space["learned"].numpy() * space["scale"].numpy()
            gamma = 1 / (z.shape[1] * z.var())
            kernel = np.exp(-gamma * cdist(z, z, "sqeuclidean")) if len(z) <= LARGEST else None
            for threshold, c in itertools.product(thresholds, grid["c"]):
                machine = SVC(C=c, kernel="rbf" if kernel is None else "precomputed", gamma=gamma, tol=TOLERANCE)
                machine.fit(z if kernel is None else kernel, true[threshold])
                point = {"threshold": threshold, "variance": variance, "whiten": whiten, "c": c}
                key = tuple(point[axis] for axis in grid), fold
                count = 2 if target.kind == ABNORMAL else len(data.classes)
                result.models[key] = {**space, **_machine(machine, gamma), "kind": target.kind, "count": count}
                result.iterations[key] = int(np.sum(machine.n_iter_))
                result.curves[key] = np.zeros((0, 0))
                advance(1, f"{machine.support_.size} of {len(z)} are support vectors")
    return result


def predict(model: dict, data: VisionTable) -> np.ndarray:
    """What a trained machine says of g pictures.

    abnormal  float64 [g] in (0, 1): the logistic function of the decision function, above 1/2 where the machine says
              abnormal; NOT calibrated as a probability
    label     float64 [g, classes]: scores, the largest that of the machine's class; classes that were not among the
              training set have -inf. A class's score is the number of other classes that it wins against, and less
              than a half of how surely, which decides where numbers are equal.
    Raises ValueError for another number of features than the model was trained on.
    """
    if data.x.shape[1] != model["mean"].numel():
        raise ValueError(f"the model wants {model['mean'].numel()} features, the data have {data.x.shape[1]}")
    decision = decisions(model, data.x)
    if model["kind"] == ABNORMAL:
        return 1 / (1 + np.exp(-decision[:, 0]))
    scores = np.full((len(decision), model["count"]), -np.inf)
    scores[:, model["classes"].numpy()] = _votes(decision, model["classes"].numel())
    return scores


def decisions(model: dict, x: np.ndarray) -> np.ndarray:
    """The decision function of each pair of classes (0, 1), (0, 2), … (1, 2), …: float64 [g, pairs].

    Above zero for the earlier class of a pair; with two classes, as scikit-learn has it, for the later one.
    """
    scale = model["scale"].numpy()
    z = _projected(np.asarray(x, np.float32), model["mean"].numpy(), model["axes"].numpy()) * scale
    support = model["learned"].numpy()[model["support"].numpy()] * scale
    kernel = np.exp(-model["gamma"] * cdist(z, support, "sqeuclidean"))
    return kernel @ model["coefficients"].numpy() + model["intercept"].numpy()


class _Components:
    """The principal components of n rows with f features, found once and sliced for each fraction of variance.

    All models of a fold hold views of its components and of its rows' coordinates, so a file holds them once.
    They are of single precision, as the features are.
    """

    def __init__(self, x: np.ndarray, variance: float) -> None:
        n, f = x.shape
        pca = PCA(svd_solver="covariance_eigh" if n > f else "full").fit(x.astype(np.float64))
        if not pca.explained_variance_[0] > 0:
            raise BadInput("all training pictures have the same features; nothing can be learned")
        # the last ones are zero except for rounding: they are hardly ever kept, and must not overflow when whitened
        self.variance = np.maximum(pca.explained_variance_, np.finfo(float).eps * pca.explained_variance_[0])
        self.reached = np.cumsum(self.variance / self.variance.sum())
        self.mean = pca.mean_.astype(np.float32)
        axes, most = pca.components_.astype(np.float32), self.count(variance)
        self.axes = torch.from_numpy(axes[:most].copy())
        # along all axes, so that coordinates do not depend on how many of them are kept
        self.learned = torch.from_numpy(_projected(x, self.mean, axes)[:, :most].astype(np.float32))

    def count(self, variance: float) -> int:
        """How many components together exceed a fraction of the variance."""
        return min(int(np.searchsorted(self.reached, variance, side="right")) + 1, self.reached.size)

    def space(self, variance: float, whiten: bool) -> dict:
        """What a model projects with: mean [f], axes [components, f], scale [components]; learned [n, components]."""
        count = self.count(variance)
        scale = self.variance[:count] ** -0.5 if whiten else np.ones(count)
        return {
            "mean": torch.from_numpy(self.mean),
            "axes": self.axes[:count],
            "scale": torch.from_numpy(scale),
            "learned": self.learned[:, :count],
        }


def _projected(x: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """The coordinates along components, not scaled: computed in single precision, float64 [g, components]."""
    return ((x - mean) @ axes.T).astype(np.float64)


def _machine(machine: SVC, gamma: float) -> dict:
    """What of a trained machine decides: which rows support it, and coefficients [support vectors, pairs of classes].

    libsvm keeps for each support vector a coefficient for each other class (see its README, sv_coef); here each pair
    has a column, zero for vectors of other classes.
    """
    count = machine.classes_.size
    start = np.concatenate([[0], np.cumsum(machine.n_support_)])
    coefficients = np.zeros((machine.support_.size, count * (count - 1) // 2))
    for pair, (i, j) in enumerate(itertools.combinations(range(count), 2)):
        for own, other in ((i, j - 1), (j, i)):
            rows = slice(start[own], start[own + 1])
            coefficients[rows, pair] = machine.dual_coef_[other, rows]
    return {
        "gamma": float(gamma),
        "support": torch.from_numpy(machine.support_.astype(np.int64)),
        "coefficients": torch.from_numpy(coefficients),
        "intercept": torch.from_numpy(machine.intercept_.copy()),
        "classes": torch.from_numpy(machine.classes_.astype(np.int64)),
    }


def _votes(decision: np.ndarray, count: int) -> np.ndarray:
    """The scores [g, count] of classes from the decision functions [g, pairs] of pairs of them."""
    if count == 2:
        return np.concatenate([-decision, decision], axis=1)
    votes, sure = np.zeros((2, len(decision), count))
    for pair, (i, j) in enumerate(itertools.combinations(range(count), 2)):
        won = decision[:, pair] >= 0
        votes[:, i] += won
        votes[:, j] += ~won
        sure[:, i] += decision[:, pair]
        sure[:, j] -= decision[:, pair]
    return votes + sure / (3 * (np.abs(sure) + 1))
