"""Train the trials of one job of an experiment, together, and measure them on validation data."""

import importlib
from pathlib import Path

import numpy as np
import torch

from graincast import grid, metrics, models, splits, targets
from graincast.features import table
from graincast.microstructure import BadInput
from graincast.models import trained
from graincast.program import json_with, parser, run
from graincast.progress import Progress


def main(args) -> None:
    torch.set_num_threads(args.threads)
    data = table.read(args.features)
    axes = {axis: args.grid[axis] for axis in grid.AXES}
    names, partitions = splits.read(args.split)
    if names != data.name:
        raise BadInput(f"{args.split} and {args.features} do not list the same microstructures; make both again")
    parts = {name: np.array(column) for name, column in partitions.items()}
    ratios = data.candidate_ratios()
    labels = {threshold: targets.labels(ratios, threshold, **args.target) for threshold in axes["threshold"]}
    check(args.name, parts, labels)

    model = importlib.import_module(models.MODULES[args.model])
    progress = Progress(f"train {args.name}", args.training["iterations"], "iterations")
    result = model.train(data, parts, labels, axes, args.training, progress.advance)

    points = grid.points(axes)
    trials = {grid.trial_name(point): tuple(point.values()) for point in points}
    measured = [
        measure(name, point, result, parts, labels[point["threshold"]], data, model)
        for name, point in zip(trials, points, strict=True)
    ]
    record = {
        "experiment": args.name.partition("/")[0],
        "job": args.name.partition("/")[2],
        "model": args.model,
        "target": args.target,
        "grid": axes,
        "training": args.training,
        "dataset": args.features.parents[1].name,
        "features": args.features.stem,
        "columns": data.columns,
        "split": args.split.stem,
        "fingerprint": data.fingerprint,
        "partitions": list(parts),
        "trials": measured,
    }
    trained.write(args.out, record, result, trials)


def measure(name, point, result, parts, abnormal, data, model) -> dict:
    """A trial's validation metrics, by partition and their mean."""
    by_partition = {}
    for partition, part in parts.items():
        key = (tuple(point.values()), partition)
        held_out = part == "validation"
        probability = model.predict(result.models[key], data)[held_out]
        by_partition[partition] = {
            "iteration": result.iterations[key],
            **metrics.classification(abnormal[held_out], probability),
        }
    validation = metrics.mean(by_partition.values())
    return {"trial": name, "params": point, "validation": validation, "by_partition": by_partition}


def check(name: str, parts: dict[str, np.ndarray], labels: dict[float, np.ndarray]) -> None:
    """Raise BadInput where a partition leaves nothing to train on, to choose by, or to tell apart."""
    for partition, part in parts.items():
        for kind in splits.PARTS:
            if not (part == kind).any():
                raise BadInput(
                    f"{name}: partition {partition} of the split has no {kind} data among {part.size} microstructures; "
                    "use more data, fewer folds or larger shares (config: splits)"
                )
        for threshold, abnormal in labels.items():
            seen = abnormal[part == "train"]
            if seen.all() or not seen.any():
                kind = "abnormal" if seen.all() else "normal"
                raise BadInput(
                    f"{name}: at threshold {threshold:g} all {seen.size} training microstructures of partition "
                    f"{partition} are {kind}; choose another target.threshold"
                )


if __name__ == "__main__":
    p = parser("train", __doc__)
    p.add_argument("--name", required=True, help="experiment/job")
    p.add_argument("--features", type=Path, required=True, help="HDF5 feature table")
    p.add_argument("--split", type=Path, required=True, help="CSV, a column a partition")
    p.add_argument("--model", choices=models.MODULES, required=True)
    p.add_argument(
        "--target",
        type=json_with("aggregate", optional=["share"]),
        required=True,
        help='how growth ratios of repeated runs become one, as JSON: {"aggregate": "mean"}',
    )
    p.add_argument(
        "--grid",
        type=json_with(*grid.AXES, lists=True),
        required=True,
        help='the part of the grid to train, as JSON: {"threshold": [8], "hops": [1, 2], "learning_rate": [0.01], '
        '"weight_decay": [0], "seed": [0]}',
    )
    p.add_argument(
        "--training",
        type=json_with("iterations", "evaluate_every"),
        required=True,
        help='the experiment\'s training section as JSON: {"iterations": 6000, "evaluate_every": 50}',
    )
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--out", type=Path, required=True, help="folder for trials.json, history.h5 and models.pt")
    run(main, p)
