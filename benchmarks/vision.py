"""Rate of VGG16's features, and time of a grid of support vector machines: `python -m benchmarks.vision`.

1. Pictures of 224 x 224 through VGG16 with random weights up to fc1, by batch size; weights do not change the time.
2. 600 pictures of 4096 made-up features, five folds x 3 shares of variance x 2 x 5 C: all points together, against
   scikit-learn's PCA and SVC for each point of one fold, and whether both say the same. With --table, of that file.

Wall-clock time on --threads cores.
"""

import argparse
import itertools
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from graincast.experiment import splits, targets
from graincast.models import svm
from graincast.vision import table, vgg16

GRID = {"variance": [0.5, 0.8, 0.95], "whiten": [False, True], "c": [0.1, 1, 10, 100, 1000]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vision", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--pictures", type=int, default=64)
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--table", type=Path, help="vision table of microstructures, in place of made-up features")
    parser.add_argument("--threshold", type=float, default=10, help="of its growth ratio")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with threadpool_limits(args.threads):
        rates(args.pictures, args.batch)
        machines(table.read(args.table) if args.table else made_up(), args.threshold)


def rates(count: int, batches: list[int]) -> None:
    module, name = vgg16.load({"random": 0})
    pictures = np.random.default_rng(0).integers(0, 256, (count, 224, 224), np.uint8)
    for batch in batches if count else []:
        vgg16.features(module, pictures[:batch], batch=batch)
        start = time.perf_counter()
        vgg16.features(module, pictures, batch=batch)
        print(f"{name}: {count / (time.perf_counter() - start):.2f} pictures/s in batches of {batch}")


def machines(data: table.VisionTable, threshold: float) -> None:
    names = splits.k_fold(data.name, folds=5, repeats=1, validation=0.2, seed=0)
    subsets = {fold: np.array(subset) for fold, subset in names.items()}
    target, grid = targets.of_data(data, [threshold]), {"threshold": [threshold], **GRID}
    start = time.perf_counter()
    trained = svm.train(data, subsets, target, grid, {})
    seconds = time.perf_counter() - start
    print(f"{len(trained.models)} machines on {data.x.shape} features trained together in {seconds:.1f} s")
    start = time.perf_counter()
    said = {key: svm.predict(model, data) for key, model in trained.models.items()}
    print(f"and asked about all pictures in {time.perf_counter() - start:.1f} s")

    abnormal, (first, subset) = target.values[threshold], next(iter(subsets.items()))
    inside, different = subset == "train", 0
    start = time.perf_counter()
    for variance, whiten, c in itertools.product(*GRID.values()):
        one = make_pipeline(PCA(variance, whiten=whiten, svd_solver="full"), SVC(C=c))
        answer = one.fit(data.x[inside], abnormal[inside]).predict(data.x)
        different += int(np.sum(answer != (said[(threshold, variance, whiten, c), first] > 0.5)))
    seconds = time.perf_counter() - start
    count = len(trained.models) // len(subsets)
    print(f"scikit-learn, {count} of them one by one with predictions: {seconds:.1f} s; {different} answers differ")
    chosen(said, subsets, abnormal)


def chosen(said: dict, subsets: dict[str, np.ndarray], abnormal: np.ndarray) -> None:
    """Print the test accuracy and AUC of the points with the best mean validation accuracy and the best mean AUC."""
    measures = {
        "accuracy": lambda true, probability: np.mean(true == (probability > 0.5)),
        "AUC": roc_auc_score,
    }
    trials = list(dict.fromkeys(trial for trial, _ in said))

    def mean(trial: tuple, kind: str, measure: str) -> float:
        inside = {fold: subset == kind for fold, subset in subsets.items()}
        return np.mean([measures[measure](abnormal[i], said[trial, p][i]) for p, i in inside.items()])

    for measure in measures:
        best = max(trials, key=lambda trial: mean(trial, "validation", measure))
        shown = ", ".join(f"test {name} {mean(best, 'test', name):.3f}" for name in measures)
        print(f"best by validation {measure}, {best}: {shown}; {abnormal.mean():.3f} abnormal")


def made_up(count: int = 600, features: int = 4096) -> table.VisionTable:
    """Features that are zero where negative, with variances that fall off, and growth that goes with some of them."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(count, 400)) / np.arange(1, 401) ** 0.7
    x = np.maximum(hidden @ rng.normal(size=(400, features)), 0).astype(np.float32)
    ratio = 10 + 5 * hidden[:, :5].sum(axis=1) + 3 * rng.normal(size=count)
    return table.of_microstructures([f"m{i:04d}" for i in range(count)], "made up", x, list(ratio[:, None]))


if __name__ == "__main__":
    main()
