"""Choose an experiment's trial on validation data, and measure it, and only it, on test data."""

import argparse
import json
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from graincast.evaluation import metrics, testing, trial_table
from graincast.evaluation.leaderboard import RANKED_BY, validation_of_chosen
from graincast.evaluation.testing import Tested
from graincast.experiment import declaration, grid, targets, training_data
from graincast.experiment.record import read_record
from graincast.experiment.trained import REFITTED, read_members, read_models
from graincast.files import csv_table
from graincast.files.atomic import write_bytes, write_text
from graincast.models import by_name, ensemble
from graincast.prediction import packing, trained_model
from graincast.program import cost, extensions, training_job
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

WHY_NOT_RAW = {
    True: "as its features come from a vision network, whose weights are not packed; pass one row per image",
    False: "as its features come from an encoder; pass one row per grain with its features",
}
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
    parameters = args.recipe.take("model", "select", optional=["raw"])
    extensions.install(args.extensions)
    model = by_name.load(parameters["model"], args.extensions)
    records = [read_record(folder) for folder in args.trials]
    learned = training_data.read(model, args.features, args.split, args.also, records[0]["experiment"])
    data = learned.own
    trials = [trial for record in records for trial in record["trials"]]
    job_of = {t["trial"]: folder for record, folder in zip(records, args.trials, strict=True) for t in record["trials"]}
    first = records[0]
    kind = first["target"]["kind"]
    chosen = testing.choose(trials, kind, parameters["select"])
    target = targets.of_data(data, list(chosen), **first["target"])
    stored = {folder: read_models(folder / "models.h5") for folder in args.trials}
    members = read_members(args.members) if args.members else {}

    def model_of(trial: str, fold: str) -> dict:
        trained = stored[job_of[trial]][trial][fold]
        return ensemble.joined([trained, *members[trial][fold].values()]) if members else trained

    subsets = {fold: subset[: len(data.name)] for fold, subset in learned.subsets.items()}
    tested = testing.run_test(chosen, model_of, subsets, target, data, model)

    for threshold, outcome in tested.thresholds.items():
        of_threshold = [trial for trial in trials if grid.number(trial["params"].get("threshold")) == threshold]
        outcome["validation"] = validation_of_chosen(of_threshold, outcome["chosen_by_fold"], RANKED_BY[kind])
    csv_table.write(args.out / "predictions.csv", testing.header(kind), tested.predictions)
    groups = testing.groups_by_subset(subsets, data.group)
    ratio = trial_table.validation_to_train(groups)
    pruned = [trial for record in records for trial in record["pruned"]] if "search" in first else None
    rows = trial_table.rows(trials, chosen, kind, parameters["select"], ratio, pruned)
    csv_table.write(args.out / "trials.csv", *rows)
    about = described(first, tested, parameters, args.extensions)
    in_training = np.any([subset == "train" for subset in learned.subsets.values()], axis=0)
    trained_model.write(args.out / "model.h5", about, tested.models, ranges(learned.whole, in_training))
    write_bytes(args.out / "sources.zip", packing.packed(parameters["model"], args.extensions, source_of(parameters)))
    summary = {
        **{key: first.get(key) for key in COPIED},
        "select": parameters["select"],
        "groups": groups,
        "jobs": [record["job"] for record in records],
        **({"ensemble": size_of(tested)} if members else {}),
        **{key: first[key] for key in ("search", "also_train_on") if key in first},
        "thresholds": tested.thresholds,
    }
    write_text(args.out / "test_metrics.json", json.dumps(summary, indent=1) + "\n")
    cost.write(args.out, microstructures=len(data.name), predict_ms=milliseconds(model, a_model(tested), data))
    for threshold, outcome in tested.thresholds.items():
        task = f"{first['experiment']}{f', threshold {threshold}' if threshold else ''}"
        measured = metrics.in_words(kind, outcome["test"], outcome["test_interval"])
        result = f"{measured} on {outcome['test']['count']} test predictions"
        print(f"{task}: {result}; chosen {outcome['chosen_trial']}")
        if outcome["cautions"]:
            print(f"{task}: caution: {'; '.join(outcome['cautions'])}")


def milliseconds(model: ModuleType, trained: dict, data: Any) -> float:
    """The time that a model takes for one microstructure of a table, when it predicts all of them."""
    started = time.perf_counter()
    ensemble.predict(model, trained.get(REFITTED, trained), data)
    return round(1e3 * (time.perf_counter() - started) / len(data.name), 4)


def source_of(parameters: dict) -> str | None:
    """The source of the raw data that the model reads; None where it reads none."""
    return (parameters.get("raw") or {}).get("reading", {}).get("source")


def described(record: dict, tested: Tested, parameters: dict, folders: list[Path]) -> dict:
    """What the file of the trained model is about (see prediction/trained_model.py)."""
    raw = parameters.get("raw")
    trained = ensemble.members(a_model(tested))[0]
    served = declaration.read(parameters["model"], folders).served
    return {
        **{key: record.get(key) for key in COPIED},
        "features": {"nodes": record["columns"], "edges": trained.get("edge_columns", [])},
        "feature_set": record["features"],
        "not_served": served,
        "raw": raw,
        "why_not_raw": "" if raw else f"as {served}" if served else WHY_NOT_RAW[bool(record.get("network"))],
        "extensions": [extensions.package(folder) for folder in folders],
        "requirements": packing.requirements(parameters["model"], folders, source_of(parameters)),
        "calibration": {
            threshold: outcome["calibration"]["by_fold"]
            for threshold, outcome in tested.thresholds.items()
            if outcome["calibration"]
        },
        "metrics": {threshold: outcome["test"] for threshold, outcome in tested.thresholds.items()},
    }


def a_model(tested: Tested) -> dict:
    """One of the chosen models."""
    return next(model for folds in tested.models.values() for model in folds.values())


def size_of(tested: Tested) -> int:
    """The number of members of each ensemble."""
    return len(ensemble.members(a_model(tested)))


def ranges(data: Any, inside: np.ndarray) -> dict[str, np.ndarray]:
    """The ranges of the microstructures of `inside` (bool [g]), see prediction/trained_model.py."""
    if not hasattr(data, "node_ptr"):
        return {"nodes": extremes(data.x[inside])}
    means = np.concatenate(
        [np.add.reduceat(part.x, part.node_ptr[:-1]) / np.diff(part.node_ptr)[:, None] for part in data.parts()]
    )
    nodes, edges = ([extremes(rows) for rows in data.rows_of(key, inside)] for key in ("x", "edge_x"))
    return {
        "nodes": joined(nodes),
        "edges": joined(edges),
        "node_means": extremes(means[inside]),
        "spacing": extremes(data.spacing[inside, None])[0],
    }


def joined(ranges: list[np.ndarray]) -> np.ndarray:
    """The ranges of all rows from those of parts of them, which are NaN for a part without rows."""
    low, high = np.moveaxis(np.stack(ranges), -1, 0)
    return np.stack([np.fmin.reduce(low), np.fmax.reduce(high)], axis=1)


def extremes(rows: np.ndarray) -> np.ndarray:
    """The smallest and largest value of each column, float64 [columns, 2]; NaN without rows."""
    if not len(rows):
        return np.full((rows.shape[1], 2), np.nan)
    return np.stack([rows.min(axis=0), rows.max(axis=0)], axis=1).astype(float)


if __name__ == "__main__":
    p = parser("evaluate", __doc__)
    add_argument(p, '{"model": "sgc", "select": "nll"}')
    extensions.add_argument(p)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--members", type=Path, help="members.h5 with the further members of an ensemble")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, one column per fold")
    training_job.add_also(p)
    p.add_argument("--out", type=Path, required=True, help="the experiment's folder")
    run(main, p)
