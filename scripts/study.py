"""Search the ranges of an experiment on one fold, one trial after another, and predict validation data with each."""

import argparse
import inspect
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from graincast.evaluation import metrics
from graincast.experiment import declaration, grid, targets, training_data, validation_file
from graincast.experiment.declaration import Declaration
from graincast.experiment.record import described
from graincast.experiment.split_check import check_split
from graincast.experiment.trained import Trained, predictions, write
from graincast.files import hdf5, nested
from graincast.files.declaration import check_keys
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.program import cost, extensions, threads, training_job
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument
from graincast.training import study
from graincast.training.diverged import Diverged
from graincast.training.study import Outcome, Pruned, Range, Watch

TRIAL: hdf5.Format = {"format": "graincast trial of a study", "version": 1}


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("model", "target", "grid", "training", "search", "select", "fold")
    training, search, fold, select = (parameters[key] for key in ("training", "search", "fold", "select"))
    extensions.install(args.extensions)
    model = by_name.load(parameters["model"], args.extensions)
    threads.limit(args.threads)
    declared = declaration.read(parameters["model"], args.extensions)
    check_keys(f"{args.recipe.path}: training", training, list(declared.training), declared.name)
    axes = {axis: parameters["grid"][axis] for axis in declared.prefixes if axis in parameters["grid"]}
    fixed = {axis: given[0] for axis, given in axes.items() if isinstance(given, list) and len(given) == 1}
    space = {axis: searched(given, declared, axis) for axis, given in axes.items() if axis not in fixed}
    if search["prune"] and "watch" not in inspect.signature(model.train).parameters:
        raise BadInput(f"model {declared.name}: its train takes no watch, so no trial can end early; set prune: false")
    learned = training_data.read(model, args.features, args.split, args.also, args.name)
    data, subsets = learned.whole, {name: subset for name, subset in learned.subsets.items() if name == fold}
    if not subsets:
        raise BadInput(f"{args.split}: has no fold {fold}; make it again")
    target = targets.of_data(data, axes.get("threshold", [None]), **parameters["target"])
    check_split(args.name, subsets, target, data, getattr(data, "classes", None))

    ((threshold, values),) = target.values.items()
    rows = {fold: targets.rows(target, data, subsets[fold] == "validation")}
    true = values[rows[fold]]
    work = args.out / "checkpoints" / args.recipe.key
    each, unit = model.total_steps(1, 1, training)
    progress = Progress(f"study {args.name}", each * search["trials"], unit)

    def attempt(number: int, suggested: dict[str, Any], watch: Watch) -> float:
        at, done = point(suggested), progress.done
        options = {"watch": watch} if search["prune"] else {}
        try:
            trained = model.train(
                data,
                subsets,
                target,
                {axis: [value] for axis, value in at.items()},
                training,
                advance=lambda amount, note: progress.advance(amount, f"trial {number}, {note}".removesuffix(", ")),
                device=args.device,
                checkpoints=work / "training",
                **options,
            )
        except (Pruned, Diverged):
            progress.advance(done + each - progress.done, f"trial {number} ended early")
            raise Pruned from None
        predicted = predictions(tuple(at.values()), trained, rows, data, model)[fold]
        store(work / f"{number:03d}.h5", trained, predicted)
        return -metrics.selection_score(select, metrics.measure(target.kind, true, predicted)[select])

    def point(suggested: dict[str, Any]) -> dict[str, Any]:
        return {axis: suggested[axis] if axis in suggested else fixed[axis] for axis in axes}

    steps = each if search["prune"] else None
    outcomes = study.run(space, search["trials"], search["seed"], attempt, work / "journal.log", steps)
    progress.advance(progress.total - progress.done, "all trials have ended")
    names = [grid.study_trial_name(args.name.partition("/")[2], number) for number in range(len(outcomes))]
    trained, predicted = collected(work, outcomes, fold)
    validation_file.write(
        args.out / "validation.h5",
        {threshold: {fold: true}},
        {names[number]: {fold: values} for number, values in predicted.items()},
    )
    ended = {name: number for number, name in enumerate(names) if outcomes[number].pruned}
    whole = {name: number for number, name in enumerate(names) if name not in ended}
    record = {
        **described(args.name, {**parameters, "grid": axes}, declared, target, args.features, args.split, learned),
        "search": search,
        "folds": [fold],
        "curves": list(trained.columns),
        "trials": [
            {
                "trial": name,
                "params": point(outcomes[number].point),
                "iterations": {fold: trained.iterations[(number,), fold]},
            }
            for name, number in whole.items()
        ],
        "pruned": [
            {
                "trial": name,
                "params": point(outcomes[number].point),
                "pruned": {fold: max(outcomes[number].losses, default=0)},
            }
            for name, number in ended.items()
        ],
    }
    write(args.out, record, trained, *({name: (number,) for name, number in part.items()} for part in (whole, ended)))
    shutil.rmtree(args.out / "checkpoints", ignore_errors=True)  # not before: a full disk must not cost the trials
    cost.write(args.out)


def searched(given: Any, declared: Declaration, axis: str) -> Range | list:
    """An axis of the grid as a study takes it."""
    if isinstance(given, list):
        return given
    return Range(given["from"], given["to"], given["log"], declared.grid[axis].get("type") == "integer")


def store(path: Path, trained: Trained, predicted: np.ndarray) -> None:
    """Write a trial that has ended, with its predictions for validation data."""
    ((key, model),) = trained.models.items()
    content = {"model": model, "curves": trained.curves[key], "steps": np.asarray(trained.steps, int)}
    content |= {"predicted": predicted, "iteration": trained.iterations[key], "columns": list(trained.columns)}
    nested.write(path, TRIAL, content, {})


def collected(work: Path, outcomes: list[Outcome], fold: str) -> tuple[Trained, dict[int, np.ndarray]]:
    """The trials of a study, each as a trial (number,), and the predictions of those that did not end early.

    Of a trial that ended early there are the losses that were watched.
    """
    stored = {
        number: nested.read(work / f"{number:03d}.h5", TRIAL)[0]
        for number, outcome in enumerate(outcomes)
        if not outcome.pruned
    }
    first = next(iter(stored.values()))
    steps, columns = first["steps"], tuple(first["columns"])
    curves = {((number,), fold): content["curves"] for number, content in stored.items()}
    for number, outcome in enumerate(outcomes):
        if outcome.pruned:
            curve = np.full(first["curves"].shape, np.nan)
            for step, loss in outcome.losses.items():
                curve[steps == step, columns.index("validation_loss")] = loss
            curves[(number,), fold] = curve
    models = {((number,), fold): content["model"] for number, content in stored.items()}
    iterations = {((number,), fold): content["iteration"] for number, content in stored.items()}
    predicted = {number: content["predicted"] for number, content in stored.items()}
    return Trained(models, iterations, curves, steps, columns), predicted


if __name__ == "__main__":
    p = parser("study", __doc__)
    add_argument(
        p,
        '{"model": "logistic", "target": {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"}, "grid": '
        '{"threshold": [10], "propagation_steps": [0], "transform": ["none", "log"], "c": {"from": 0.001, "to": 10, '
        '"log": true}}, "training": {"refit": true}, "search": {"trials": 30, "prune": false, "seed": 0}, "select": '
        '"nll", "fold": "all"}',
    )
    training_job.add_arguments(p)
    run(main, p)
