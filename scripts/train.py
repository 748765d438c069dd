"""Train the trials of one job of an experiment, together, and measure them on validation data."""

import shutil
from pathlib import Path

import numpy as np
import torch

from graincast import cost, grid, metrics, models, splits, targets
from graincast.microstructure import BadInput
from graincast.models import trained
from graincast.program import from_json, json_with, parser, run
from graincast.progress import Progress


def main(args) -> None:
    torch.set_num_threads(args.threads)
    model = models.load(args.model)
    if set(args.training) != set(model.TRAINING):
        raise BadInput(f"--training: {args.model} takes {', '.join(model.TRAINING) or 'nothing ({})'}")
    lacking = [axis for axis in model.AXES if axis not in args.grid]
    if lacking:
        raise BadInput(f"--grid: {args.model} wants {', '.join(lacking)}")
    data = model.read(args.features)
    axes = {axis: args.grid[axis] for axis in grid.AXES if axis in args.grid}
    parts = splits.parts_of(args.split, data.name)
    target = targets.of_data(data, axes.get("threshold", [None]), **args.target)
    check(args.name, parts, target, data)

    points = grid.points(axes)
    progress = Progress(f"train {args.name}", *model.work(len(points), len(parts), args.training))
    checkpoints = args.out / "checkpoints"
    how = {"advance": progress.advance, "device": args.device, "checkpoints": checkpoints}
    result = model.train(data, parts, target, axes, args.training, **how)

    trials = {grid.trial_name(point): tuple(point.values()) for point in points}
    measured = [
        measure(name, point, result, parts, target, data, model) for name, point in zip(trials, points, strict=True)
    ]
    record = {
        "experiment": args.name.partition("/")[0],
        "job": args.name.partition("/")[2],
        "model": args.model,
        "target": {"kind": target.kind, "grains": target.grains, **args.target},
        "grid": axes,
        "training": args.training,
        "dataset": args.features.parents[1].name,
        "features": args.features.stem,
        "columns": data.columns,
        "network": getattr(data, "network", None),
        "classes": getattr(data, "classes", None),
        "split": args.split.stem,
        "fingerprint": data.fingerprint,
        "partitions": list(parts),
        "curves": list(result.columns),
        "trials": measured,
    }
    trained.write(args.out, record, result, trials)
    shutil.rmtree(checkpoints, ignore_errors=True)  # not before: a full disk must not cost what was trained
    cost.write(args.out)


def measure(name, point, result, parts, target, data, model) -> dict:
    """A trial's validation metrics, by partition and their mean."""
    by_partition, true = {}, target.values[point.get("threshold")]
    for partition, part in parts.items():
        key = (tuple(point.values()), partition)
        held_out = targets.rows(target, data, part == "validation")
        predicted = model.predict(result.models[key], data)[held_out]
        by_partition[partition] = {
            "iteration": result.iterations[key],
            **metrics.measure(target.kind, true[held_out], predicted),
        }
    validation = metrics.mean(by_partition.values())
    return {"trial": name, "params": point, "validation": validation, "by_partition": by_partition}


def check(name: str, parts: dict[str, np.ndarray], target: targets.Target, data) -> None:
    """Raise BadInput where a partition leaves nothing to train on, to choose by, or to tell apart."""
    for partition, part in parts.items():
        for kind in splits.PARTS:
            if not (part == kind).any():
                raise BadInput(
                    f"{name}: partition {partition} of the split has no {kind} data among {part.size} microstructures; "
                    "use more data, fewer folds or larger shares (config: splits)"
                )
        inside = targets.rows(target, data, part == "train")
        for threshold, values in target.values.items():
            seen = values[inside]
            if (seen == seen[0]).all():
                what = same(seen, threshold, getattr(data, "classes", None))
                raise BadInput(f"{name}: {what} of partition {partition}{remedy(target.kind)}")


def same(seen: np.ndarray, threshold: float | None, classes: list[str] | None) -> str:
    """What is wrong where all that is seen in training is the same."""
    if threshold is None:
        shown = f"of class {classes[seen[0]]}" if classes else f"{seen[0]:g}"
        return f"all {seen.size} training targets are {shown}, in the training part"
    kind = "abnormal" if seen[0] else "normal"
    return f"at threshold {threshold:g} all {seen.size} training targets are {kind}, in the training part"


def remedy(kind: str) -> str:
    return (
        "; choose another target.threshold"
        if kind == targets.ABNORMAL
        else "; use more data, fewer folds or another seed of the split"
    )


if __name__ == "__main__":
    p = parser("train", __doc__)
    p.add_argument("--name", required=True, help="experiment/job")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, a column a partition")
    p.add_argument("--model", required=True, help="a module of graincast/models: sgc, gat, svm")
    p.add_argument(
        "--target",
        type=json_with(optional=["kind", "grains", "aggregate", "share"]),
        required=True,
        help='what is learned, as JSON: {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"}',
    )
    p.add_argument(
        "--grid",
        type=json_with(optional=grid.AXES, lists=True),
        required=True,
        help='the part of the grid to train, as JSON, for sgc: {"threshold": [8], "hops": [1, 2], '
        '"learning_rate": [0.01], "weight_decay": [0], "seed": [0]}',
    )
    p.add_argument(
        "--training",
        type=from_json,
        required=True,
        help='the model\'s keys of the section training as JSON, for sgc: {"iterations": 6000, "evaluate_every": 50}',
    )
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="for the models that torch trains")
    p.add_argument("--out", type=Path, required=True, help="folder for trials.json, history.h5 and models.pt")
    run(main, p)
