"""Choose an experiment's trial on validation data, and measure it, and only it, on test data."""

import argparse
import json
from pathlib import Path

from graincast.evaluation import metrics, testing
from graincast.experiment import splits, targets
from graincast.experiment.record import read_record
from graincast.experiment.trained import read_models, save
from graincast.files import csv_table
from graincast.files.atomic import write_text
from graincast.models import by_name
from graincast.program import cost
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

COPIED = (
    "experiment",
    "model",
    "target",
    "dataset",
    "features",
    "columns",
    "network",
    "classes",
    "split",
    "fingerprint",
)
"""Entries of test_metrics.json that are those of trials.json."""


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("model", "select")
    model = by_name.load(parameters["model"])
    data = model.read(args.features)
    records = [read_record(folder) for folder in args.trials]
    trials = [trial for record in records for trial in record["trials"]]
    job_of = {t["trial"]: folder for record, folder in zip(records, args.trials, strict=True) for t in record["trials"]}
    first = records[0]
    kind = first["target"]["kind"]
    chosen = testing.choose(trials, kind, parameters["select"])
    target = targets.of_data(data, list(chosen), **first["target"])
    stored = {folder: read_models(folder / "models.pt") for folder in args.trials}
    tested = testing.run_test(
        chosen,
        lambda trial, fold: stored[job_of[trial]][trial][fold],
        splits.subsets_of(args.split, data.name),
        target,
        data,
        model,
    )

    csv_table.write(args.out / "predictions.csv", testing.header(kind), tested.predictions)
    csv_table.write(args.out / "trials.csv", *testing.trial_rows(trials, chosen, kind))
    save(args.out / "model.pt", tested.models)
    summary = {
        **{key: first.get(key) for key in COPIED},
        "select": parameters["select"],
        "jobs": [record["job"] for record in records],
        "thresholds": tested.thresholds,
    }
    write_text(args.out / "test_metrics.json", json.dumps(summary, indent=1) + "\n")
    cost.write(args.out)
    for threshold, outcome in tested.thresholds.items():
        task = f"{first['experiment']}{f', threshold {threshold}' if threshold else ''}"
        result = f"{metrics.in_words(kind, outcome['test'])} on {outcome['test']['count']} test predictions"
        print(f"{task}: {result}; chosen {outcome['chosen_trial']}")


if __name__ == "__main__":
    p = parser("evaluate", __doc__)
    add_argument(p, '{"model": "sgc", "select": "nll"}')
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, one column per fold")
    p.add_argument("--out", type=Path, required=True, help="the experiment's folder")
    run(main, p)
