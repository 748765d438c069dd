"""Train the trials of one job of an experiment, together, and measure them on validation data."""

import shutil
from pathlib import Path

import torch

from graincast.evaluation.validation import validate
from graincast.experiment import grid, splits, targets
from graincast.experiment.split_check import check_split
from graincast.experiment.trained import write
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.program import cost
from graincast.program.main import from_json, json_with, parser, run
from graincast.program.progress import Progress


def main(args) -> None:
    torch.set_num_threads(args.threads)
    model = by_name.load(args.model)
    if set(args.training) != set(model.TRAINING):
        raise BadInput(f"--training: {args.model} takes {', '.join(model.TRAINING) or 'nothing ({})'}")
    lacking = [axis for axis in model.AXES if axis not in args.grid]
    if lacking:
        raise BadInput(f"--grid: {args.model} wants {', '.join(lacking)}")
    data = model.read(args.features)
    axes = {axis: args.grid[axis] for axis in grid.AXES if axis in args.grid}
    subsets = splits.subsets_of(args.split, data.name)
    target = targets.of_data(data, axes.get("threshold", [None]), **args.target)
    check_split(args.name, subsets, target, data, getattr(data, "classes", None))

    points = grid.points(axes)
    progress = Progress(f"train {args.name}", *model.total_steps(len(points), len(subsets), args.training))
    checkpoints = args.out / "checkpoints"
    how = {"advance": progress.advance, "device": args.device, "checkpoints": checkpoints}
    trained = model.train(data, subsets, target, axes, args.training, **how)

    trials = {grid.trial_name(point): tuple(point.values()) for point in points}
    measured = [
        validate(name, point, trained, subsets, target, data, model) for name, point in zip(trials, points, strict=True)
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
        "folds": list(subsets),
        "curves": list(trained.columns),
        "trials": measured,
    }
    write(args.out, record, trained, trials)
    shutil.rmtree(checkpoints, ignore_errors=True)  # not before: a full disk must not cost what was trained
    cost.write(args.out)


if __name__ == "__main__":
    p = parser("train", __doc__)
    p.add_argument("--name", required=True, help="experiment/job")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, a column a fold")
    p.add_argument("--model", required=True, help="a module of graincast/models: sgc, gat, svm")
    p.add_argument(
        "--target",
        type=json_with(optional=["kind", "grains", "aggregate", "fraction"]),
        required=True,
        help='what is learned, as JSON: {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"}',
    )
    p.add_argument(
        "--grid",
        type=json_with(optional=grid.AXES, lists=True),
        required=True,
        help='the subset of the grid to train, as JSON, for sgc: {"threshold": [8], "propagation_steps": [1, 2], '
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
