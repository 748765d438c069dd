"""Support vector machine (SVM) with a Gaussian kernel on principal components of a vision network's features.

Results equal those of scikit-learn's PCA followed by SVC (gamma "scale"); points of the grid share the decomposition
and the kernel. Features are not standardised, as they share one unit.
"""

import itertools
from collections.abc import Callable

import numpy as np
from scipy.spatial.distance import cdist
from sklearn.decomposition import PCA
from sklearn.svm import SVC

from graincast.experiment.targets import ABNORMAL, LABEL, Target
from graincast.experiment.trained import Trained
from graincast.microstructure import BadInput
from graincast.vision import table
from graincast.vision.table import VisionTable

TOLERANCE = 1e-3  # of the solver; scikit-learn's default
LARGEST = 8000  # training images with the whole kernel in memory: 512 MB; for more, libsvm computes it in pieces
read = table.read


def total_steps(points: int, folds: int, training: dict) -> tuple[int, str]:
    """The total that `advance` counts up to, and its unit."""
    return points * folds, "SVMs"


def train(
    data: VisionTable,
    subsets: dict[str, np.ndarray],
    target: Target,
    grid: dict[str, list],
    training: dict,
    *,
    advance: Callable[[int, str], None] = lambda svms, note: None,
    device: str = "cpu",
    checkpoints: object = None,
) -> Trained:
    """Train every point of a grid on every fold.

    subsets  {fold: subset of each image, str [g]}: "train", "validation", "test" or ""
    target   abnormal or not, or the classes of labelled images
    grid     the axes threshold (for abnormal), variance (the fraction that the components keep), whiten, c
    advance  called with the number of SVMs trained and a note of their support vectors
    There are no curves; iterations are the solver's. Runs on the CPU: device and checkpoints have no effect.
    Raises BadInput for another kind of target, or if a training set has only one class.
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
                where = "" if threshold is None else f"at threshold {threshold:g} "
                raise BadInput(f"fold {fold}: {where}all training targets are the same; nothing can be learned")
        components = _Components(data.x[inside], max(grid["variance"]))
        for variance, whiten in itertools.product(grid["variance"], grid["whiten"]):
            space = components.space(variance, whiten)
            z = space["learned"][:, : space["count"]] * space["scale"]
            gamma = 1 / (z.shape[1] * z.var())
            kernel = np.exp(-gamma * cdist(z, z, "sqeuclidean")) if len(z) <= LARGEST else None
            for threshold, c in itertools.product(thresholds, grid["c"]):
                svm = SVC(C=c, kernel="rbf" if kernel is None else "precomputed", gamma=gamma, tol=TOLERANCE)
                svm.fit(z if kernel is None else kernel, true[threshold])
                point = {"threshold": threshold, "variance": variance, "whiten": whiten, "c": c}
                key = tuple(point[axis] for axis in grid), fold
                count = 2 if target.kind == ABNORMAL else len(data.classes or ())
                result.models[key] = {**space, **_parameters(svm, gamma), "kind": target.kind, "outputs": count}
                result.iterations[key] = int(np.sum(svm.n_iter_))
                result.curves[key] = np.zeros((0, 0))
                advance(1, f"{svm.support_.size} of {len(z)} are support vectors")
    return result


def predict(model: dict, data: VisionTable) -> np.ndarray:
    """A trained SVM's predictions for g images.

    abnormal  float64 [g] in (0, 1): the logistic function of the decision function, above 1/2 for predicted abnormal
              growth; NOT a calibrated probability
    label     float64 [g, classes]: scores, the largest for the predicted class, -inf for classes that are not in the
              training set. A class scores the number of classes that it beats, plus a confidence below 1/2 that
              breaks ties.
    Raises ValueError if the number of features is not that of the training data.
    """
    if data.x.shape[1] != model["mean"].size:
        raise ValueError(f"the model needs {model['mean'].size} features, the data have {data.x.shape[1]}")
    decision = decisions(model, data.x)
    if model["kind"] == ABNORMAL:
        return 1 / (1 + np.exp(-decision[:, 0]))
    scores = np.full((len(decision), model["outputs"]), -np.inf)
    scores[:, model["classes"]] = _votes(decision, model["classes"].size)
    return scores


def decisions(model: dict, x: np.ndarray) -> np.ndarray:
    """The decision function of each pair of classes (0, 1), (0, 2), … (1, 2), …: float64 [g, pairs].

    Positive for the earlier class of a pair; with only two classes, as in scikit-learn, for the later one.
    """
    count, scale = model["count"], model["scale"]
    z = _projected(np.asarray(x, np.float32), model["mean"], model["axes"][:count]) * scale
    support = model["learned"][model["support"], :count] * scale
    kernel = np.exp(-model["gamma"] * cdist(z, support, "sqeuclidean"))
    return kernel @ model["coefficients"] + model["intercept"]


class _Components:
    """The principal components of n rows with f features, computed once and sliced for each fraction of variance.

    All models of a fold hold the same components and coordinates, so a file stores them once. They have single
    precision, like the features.
    """

    def __init__(self, x: np.ndarray, variance: float) -> None:
        n, f = x.shape
        if (x == x[:1]).all():
            raise BadInput("all training images have the same features; nothing can be learned")
        pca = PCA(svd_solver="covariance_eigh" if n > f else "full").fit(x.astype(np.float64))
        # The last variances are zero except for rounding; a lower bound prevents overflow in whitening
        self.variance = np.maximum(pca.explained_variance_, np.finfo(float).eps * pca.explained_variance_[0])
        self.cumulative = np.cumsum(self.variance / self.variance.sum())
        self.mean = pca.mean_.astype(np.float32)
        axes, largest_count = pca.components_.astype(np.float32), self.count(variance)
        self.axes = axes[:largest_count].copy()
        # Project on all axes, so that coordinates do not depend on how many are kept
        self.learned = _projected(x, self.mean, axes)[:, :largest_count].astype(np.float32)

    def count(self, variance: float) -> int:
        """The number of components that together exceed a fraction of the variance."""
        return min(int(np.searchsorted(self.cumulative, variance, side="right")) + 1, self.cumulative.size)

    def space(self, variance: float, whiten: bool) -> dict:
        """A model's projection: mean [f], axes [≥ count, f], learned [n, ≥ count], count, scale [count]."""
        count = self.count(variance)
        scale = self.variance[:count] ** -0.5 if whiten else np.ones(count)
        return {"mean": self.mean, "axes": self.axes, "learned": self.learned, "count": count, "scale": scale}


def _projected(x: np.ndarray, mean: np.ndarray, axes: np.ndarray) -> np.ndarray:
    """Unscaled coordinates along the components, computed in single precision: float64 [g, components]."""
    return ((x - mean) @ axes.T).astype(np.float64)


def _parameters(svm: SVC, gamma: float) -> dict:
    """The parameters of a trained SVM, such as its support vectors' rows and coefficients [support vectors, pairs].

    libsvm stores a coefficient per support vector and other class (see its README, sv_coef); here each pair of classes
    has a column, zero for support vectors of other classes.
    """
    count = svm.classes_.size
    start = np.concatenate([[0], np.cumsum(svm.n_support_)])
    coefficients = np.zeros((svm.support_.size, count * (count - 1) // 2))
    for pair, (i, j) in enumerate(itertools.combinations(range(count), 2)):
        for class_index, other in ((i, j - 1), (j, i)):
            rows = slice(start[class_index], start[class_index + 1])
            coefficients[rows, pair] = svm.dual_coef_[other, rows]
    return {
        "gamma": float(gamma),
        "support": svm.support_.astype(np.int64),
        "coefficients": coefficients,
        "intercept": svm.intercept_.copy(),
        "classes": svm.classes_.astype(np.int64),
    }


def _votes(decision: np.ndarray, count: int) -> np.ndarray:
    """The scores [g, count] of classes from the decision functions [g, pairs] of their pairs."""
    if count == 2:
        return np.concatenate([-decision, decision], axis=1)
    votes, confidence = np.zeros((2, len(decision), count))
    for pair, (i, j) in enumerate(itertools.combinations(range(count), 2)):
        won = decision[:, pair] >= 0
        votes[:, i] += won
        votes[:, j] += ~won
        confidence[:, i] += decision[:, pair]
        confidence[:, j] -= decision[:, pair]
    return votes + confidence / (3 * (np.abs(confidence) + 1))
