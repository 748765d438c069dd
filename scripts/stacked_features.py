"""Predict a data set with the chosen models of several experiments: the inputs of a stack."""

import argparse
from pathlib import Path

import numpy as np

from graincast.experiment import splits, stacked
from graincast.experiment.growth import with_growth
from graincast.experiment.stacked import StackedTable
from graincast.experiment.trained import REFITTED
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.prediction import trained_model
from graincast.program import extensions
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    names = args.recipe.take("experiments")["experiments"]
    extensions.install(args.extensions)
    folds = list(splits.read(args.split)[1])
    shared = set.intersection(*(set(trained_model.thresholds(path)) for path in args.models))
    if not shared:
        raise BadInput(f"{args.name}: the experiments {', '.join(names)} share no threshold")
    thresholds = sorted(shared, key=float)
    progress = Progress(f"stack {args.name}", len(names), "experiments")
    first, predicted = None, []
    for name, path, features in zip(names, args.models, args.features, strict=True):
        kind = trained_model.describe(path)["model"]
        data = with_growth(by_name.load(kind, args.extensions).read(features), name)
        first = first or data
        if list(data.name) != list(first.name):
            raise BadInput(f"{features}: other microstructures than in {args.features[0]}; stack equal ones")
        subsets = splits.subsets_of(args.split, data.name)
        # what a refitted model has learned, the first fit predicts
        held_out = np.stack([subsets[fold] == "validation" for fold in folds])
        of_thresholds = []
        for threshold in thresholds:
            first_fit = trained_model.load(path, threshold, args.extensions, refitted=False)
            order = list(first_fit.models)
            if set(order) != set(folds):
                raise BadInput(f"{path}: has other folds than {args.split}; run the experiment again")
            rows = [order.index(fold) for fold in folds]
            predictions = first_fit.by_fold(data)[rows]
            if any(REFITTED in one for one in first_fit.models.values()):
                final = trained_model.load(path, threshold, args.extensions)
                predictions = np.where(held_out, predictions, final.by_fold(data)[rows])
            of_thresholds.append(predictions)
        predicted.append(np.stack(of_thresholds))
        progress.advance()
    assert first is not None  # the experiments are two or more
    ratios = first.candidate_ratios()
    table = StackedTable(
        name=list(first.name),
        group=list(first.group),
        columns=names,
        thresholds=np.array(thresholds, float),
        folds=folds,
        probability=np.stack(predicted, axis=-1),
        growth_ptr=np.concatenate([[0], np.cumsum([runs.size for runs in ratios])]).astype(np.int64),
        growth_ratio=np.concatenate(ratios),
    )
    stacked.write(args.out, table)


if __name__ == "__main__":
    p = parser("stacked_features", __doc__)
    add_argument(p, '{"experiments": ["logistic", "gat"]}')
    p.add_argument("--name", required=True, help="dataset/stacked set, for messages")
    p.add_argument("--models", type=Path, nargs="+", required=True, help="model.h5 of each experiment")
    p.add_argument("--features", type=Path, nargs="+", required=True, help="HDF5 table of features of each experiment")
    p.add_argument("--split", type=Path, required=True, help="CSV, one column per fold, which they share")
    extensions.add_argument(p)
    p.add_argument("--out", type=Path, required=True, help="HDF5 table of predictions")
    run(main, p)
