"""Train the other members of an experiment's ensemble: the chosen trial of each fold with further seeds."""

import argparse
import shutil
from pathlib import Path

from graincast.evaluation import selection
from graincast.experiment import grid, targets, training_data
from graincast.experiment.record import read_record
from graincast.experiment.trained import write_members
from graincast.models import by_name
from graincast.program import cost, extensions, threads, training_job
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("model", "select", "ensemble")
    extensions.install(args.extensions)
    model = by_name.load(parameters["model"], args.extensions)
    threads.limit(args.threads)
    records = [read_record(folder) for folder in args.trials]
    first, trials = records[0], [trial for record in records for trial in record["trials"]]
    learned = training_data.read(model, args.features, args.split, args.also, first["experiment"])
    data, subsets = learned.whole, learned.subsets
    chosen = selection.choose(trials, parameters["select"])
    target = targets.of_data(data, list(chosen), **first["target"])

    folds_of: dict[str, list[str]] = {}
    for by_fold in chosen.values():
        for fold, trial in by_fold.items():
            folds_of.setdefault(trial, []).append(fold)
    points, training = {trial["trial"]: trial["params"] for trial in trials}, first["training"]
    further = parameters["ensemble"] - 1
    steps = [model.total_steps(further, len(folds), training) for folds in folds_of.values()]
    progress = Progress(f"members {first['experiment']}", sum(total for total, _ in steps), steps[0][1])
    checkpoints = args.out / "checkpoints"
    options = {"advance": progress.advance, "device": args.device, "checkpoints": checkpoints}
    members: dict[str, dict[str, dict[str, dict]]] = {}
    for trial, folds in folds_of.items():
        seed = points[trial]["seed"]
        axes = {axis: [value] for axis, value in points[trial].items()}
        axes["seed"] = list(range(seed + 1, seed + 1 + further))
        trained = model.train(data, {fold: subsets[fold] for fold in folds}, target, axes, training, **options)
        values = [(point["seed"], tuple(point.values())) for point in grid.points(axes)]
        members[trial] = {fold: {str(s): trained.models[of_seed, fold] for s, of_seed in values} for fold in folds}
    write_members(args.out / "members.h5", first["experiment"], members)
    shutil.rmtree(checkpoints, ignore_errors=True)  # not before: a full disk must not cost what was trained
    cost.write(args.out)


if __name__ == "__main__":
    p = parser("members", __doc__)
    add_argument(p, '{"model": "gat", "select": "nll", "ensemble": 5}')
    extensions.add_argument(p)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, one column per fold")
    training_job.add_also(p)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="for the models that torch trains")
    p.add_argument("--out", type=Path, required=True, help="folder for what was trained")
    run(main, p)
