"""Rate of VGG16 features, and time of a grid of SVMs: `python -m benchmarks.vision`.

1. Images of 224 x 224 through VGG16 with random weights up to fc1, by batch size; weights do not affect the time.
2. 600 images with 4096 synthetic features, five folds x 3 fractions of variance x 2 x 5 C: all points together, against
   scikit-learn's PCA and SVC for each point of one fold, whose time is taken for each of the five; the predictions
   are compared. --table: that file instead of synthetic features.

Wall-clock time on --threads cores; writes benchmarks/results.json.
"""

import argparse
import itertools
import json
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.decomposition import PCA
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.svm import SVC
from threadpoolctl import threadpool_limits

from benchmarks import results
from benchmarks.comparison import figures, in_turn
from graincast.experiment import splits, targets
from graincast.models import svm
from graincast.vision import table, vgg16

GRID = {"variance": [0.5, 0.8, 0.95], "whiten": [False, True], "c": [0.1, 1, 10, 100, 1000]}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.vision", description=__doc__.splitlines()[0])
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=2, help="of the SVMs")
    parser.add_argument("--images", type=int, default=64, help="images for VGG16; 0: none")
    parser.add_argument("--batch", type=int, nargs="+", default=[1, 4, 8, 16, 32])
    parser.add_argument("--table", type=Path, help="vision table of microstructures, instead of synthetic features")
    parser.add_argument("--threshold", type=float, default=10, help="growth ratio above which its growth is abnormal")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    with threadpool_limits(args.threads):
        rates(args.images, args.batch)
        svms(table.read(args.table) if args.table else synthetic(), args.threshold, args.repeats)


def rates(count: int, batches: list[int]) -> None:
    module, name = vgg16.load({"random": 0})
    images = np.random.default_rng(0).integers(0, 256, (count, 224, 224), np.uint8)
    for batch in batches if count else []:
        vgg16.features(module, images[:batch], batch=batch)
        start = time.perf_counter()
        vgg16.features(module, images, batch=batch)
        print(f"{name}: {count / (time.perf_counter() - start):.2f} images/s in batches of {batch}")


def svms(data: table.VisionTable, threshold: float, repeats: int) -> None:
    names = splits.k_fold(data.group, folds=5, repeats=1, validation=0.2, seed=0)
    subsets = {fold: np.array(subset) for fold, subset in names.items()}
    target, grid = targets.of_data(data, [threshold]), {"threshold": [threshold], **GRID}
    abnormal, (first, subset) = target.values[threshold], next(iter(subsets.items()))
    train = subset == "train"
    found: dict = {}

    def together() -> None:
        trained = svm.train(data, subsets, target, grid, {})
        found["together"] = {key: svm.predict(model, data) for key, model in trained.models.items()}

    def one_by_one() -> None:
        for point in itertools.product(*GRID.values()):
            variance, whiten, c = point
            pipeline = make_pipeline(PCA(variance, whiten=whiten, svd_solver="full"), SVC(C=c))
            found[point] = pipeline.fit(data.x[train], abnormal[train]).predict(data.x)

    times = in_turn(together, one_by_one, repeats, time.perf_counter)
    probabilities = found.pop("together")
    different = sum(
        np.sum(labels != (probabilities[(threshold, *point), first] > 0.5)) for point, labels in found.items()
    )
    print(f"{different} of {abnormal.size * len(found)} labels differ")
    times = times[0], [value * len(subsets) for value in times[1]]
    name = f"{len(probabilities)} SVMs on {len(data.x)} x {data.x.shape[1]:,} features"
    figure = figures(*times, "scikit-learn, one by one", "s", 1.0)
    print(json.dumps(figure, indent=2))
    results.write("vision", {name: figure}, ["numpy", "scikit-learn"])
    print_selected(probabilities, subsets, abnormal)


def print_selected(probabilities: dict, subsets: dict[str, np.ndarray], abnormal: np.ndarray) -> None:
    """Print the test accuracy and AUC of the points with the best mean validation accuracy and the best mean AUC."""
    measures = {
        "accuracy": lambda true, probability: np.mean(true == (probability > 0.5)),
        "AUC": roc_auc_score,
    }
    trials = list(dict.fromkeys(trial for trial, _ in probabilities))

    def mean(trial: tuple, kind: str, measure: str) -> float:
        masks = {fold: subset == kind for fold, subset in subsets.items()}
        return np.mean(
            [measures[measure](abnormal[mask], probabilities[trial, fold][mask]) for fold, mask in masks.items()]
        )

    for measure in measures:
        best = max(trials, key=lambda trial: mean(trial, "validation", measure))
        scores = ", ".join(f"test {name} {mean(best, 'test', name):.3f}" for name in measures)
        print(f"best by validation {measure}, {best}: {scores}; {abnormal.mean():.3f} abnormal")


def synthetic(count: int = 600, features: int = 4096) -> table.VisionTable:
    """Rectified features of decaying variance, and growth ratios that depend on some of their hidden factors."""
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(count, 400)) / np.arange(1, 401) ** 0.7
    x = np.maximum(hidden @ rng.normal(size=(400, features)), 0).astype(np.float32)
    ratio = 10 + 5 * hidden[:, :5].sum(axis=1) + 3 * rng.normal(size=count)
    names = [f"m{i:04d}" for i in range(count)]
    return table.of_microstructures(names, names, "synthetic", x, list(ratio[:, None]))


if __name__ == "__main__":
    main()
