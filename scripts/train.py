"""Train the trials of one job of an experiment, together, and predict validation data with them."""

import argparse
import shutil
from pathlib import Path

from graincast.experiment import declaration, grid, targets, training_data, validation_file
from graincast.experiment.declaration import Declaration
from graincast.experiment.record import described
from graincast.experiment.split_check import check_split
from graincast.experiment.trained import predictions, write
from graincast.files.declaration import check_keys
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.program import cost, extensions, threads, training_job
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("model", "target", "grid", "training")
    training = parameters["training"]
    extensions.install(args.extensions)
    model = by_name.load(parameters["model"], args.extensions)
    threads.limit(args.threads)
    declared = declaration.read(parameters["model"], args.extensions)
    axes = axes_of(args.recipe.path, parameters, declared)
    learned = training_data.read(model, args.features, args.split, args.also, args.name)
    data, subsets = learned.whole, learned.subsets
    target = targets.of_data(data, axes.get("threshold", [None]), **parameters["target"])
    check_split(args.name, subsets, target, data, getattr(data, "classes", None))

    points = {grid.trial_name(point, declared.prefixes): point for point in grid.points(axes)}
    progress = Progress(f"train {args.name}", *model.total_steps(len(points), len(subsets), training))
    checkpoints = args.out / "checkpoints"
    options = {"advance": progress.advance, "device": args.device, "checkpoints": checkpoints}
    trained = model.train(data, subsets, target, axes, training, **options)

    trials = {name: tuple(point.values()) for name, point in points.items()}
    rows = {fold: targets.rows(target, data, subset == "validation") for fold, subset in subsets.items()}
    validation_file.write(
        args.out / "validation.h5",
        {threshold: {fold: values[rows[fold]] for fold in subsets} for threshold, values in target.values.items()},
        {name: predictions(trial, trained, rows, data, model) for name, trial in trials.items()},
    )
    record = {
        **described(args.name, {**parameters, "grid": axes}, declared, target, args.features, args.split, learned),
        "folds": list(subsets),
        "curves": list(trained.columns),
        "trials": [
            {"trial": name, "params": point, "iterations": {f: trained.iterations[trials[name], f] for f in subsets}}
            for name, point in points.items()
        ],
    }
    write(args.out, record, trained, trials)
    shutil.rmtree(checkpoints, ignore_errors=True)  # not before: a full disk must not cost what was trained
    cost.write(args.out)


def axes_of(recipe: Path, parameters: dict, model: Declaration) -> dict[str, list]:
    """The axes of the grid in the model's order. Raises BadInput where settings are not those of the model."""
    given = parameters["grid"]
    optional = {"threshold", *(setting["axis"] for setting in model.grid.values() if "axis" in setting)}
    check_keys(f"{recipe}: training", parameters["training"], list(model.training), model.name)
    for axis, values in given.items():
        if axis in model.prefixes and not (isinstance(values, list) and values):
            raise BadInput(f"{recipe}: grid: {axis} is {values!r}, not a list of values")
    check_keys(f"{recipe}: grid", given, list(model.prefixes), model.name, optional)
    return {axis: given[axis] for axis in model.prefixes if axis in given}


if __name__ == "__main__":
    p = parser("train", __doc__)
    add_argument(
        p,
        '{"model": "sgc", "target": {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"}, "grid": '
        '{"threshold": [8], "propagation_steps": [1, 2], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}, '
        '"training": {"iterations": 6000, "evaluate_every": 50}}',
    )
    training_job.add_arguments(p)
    run(main, p)
