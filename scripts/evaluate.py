"""Choose an experiment's trial on validation data, and measure it, and only it, on test data."""

import importlib
import json
from pathlib import Path

import numpy as np

from graincast import csv_table, grid, metrics, models, selection, splits, targets
from graincast.atomic import write_text
from graincast.features import table
from graincast.models.trained import read_models, save
from graincast.program import parser, run
from graincast.trials import read_record

METRICS = ("nll", "accuracy", "balanced_accuracy", "auc", "brier")
PREDICTION = ("microstructure", "threshold", "partition", "split", "trial", "label", "probability")


def main(args) -> None:
    data = table.read(args.features)
    _, partitions = splits.read(args.split)
    parts = {name: np.array(column) for name, column in partitions.items()}
    records = [read_record(folder) for folder in args.trials]
    trials = [trial for record in records for trial in record["trials"]]
    job_of = {t["trial"]: folder for record, folder in zip(records, args.trials, strict=True) for t in record["trials"]}
    chosen = selection.choose(trials, args.select)
    model = importlib.import_module(models.MODULES[args.model])
    stored = {folder: read_models(folder / "models.pt") for folder in args.trials}

    results, rows, kept = {}, [], {}
    for threshold, by_partition in sorted(chosen.items()):
        abnormal = targets.labels(data.candidate_ratios(), threshold, **records[0]["target"])
        shown_threshold, measured, majority = grid.number(threshold), {}, []
        for partition, trial in by_partition.items():
            part, parameters = parts[partition], stored[job_of[trial]][trial][partition]
            probability = model.predict(parameters, data)
            test = part == "test"
            measured[partition] = metrics.classification(abnormal[test], probability[test])
            majority.append(float(np.mean(abnormal[test] == (abnormal[part == "train"].mean() > 0.5))))
            kept[f"{shown_threshold}/{partition}"] = {"trial": trial, "model": parameters}
            shown = part != "" if len(parts) == 1 else test
            rows += [
                (data.name[i], shown_threshold, partition, part[i], trial, int(abnormal[i]), f"{probability[i]:.9g}")
                for i in np.flatnonzero(shown)
            ]
        results[shown_threshold] = {
            "chosen_trial": selection.most_chosen(by_partition),
            "chosen_by_partition": by_partition,
            "test": {**metrics.mean(measured.values()), "majority_class_accuracy": float(np.mean(majority))},
            "test_spread_over_partitions": metrics.spread(measured.values()),
            "test_by_partition": measured,
        }
    keys = ("experiment", "model", "dataset", "features", "columns", "split", "fingerprint")
    jobs = [record["job"] for record in records]
    summary = {**{key: records[0][key] for key in keys}, "select": args.select, "jobs": jobs, "thresholds": results}
    csv_table.write(args.out / "predictions.csv", PREDICTION, rows)
    write_trials(args.out / "trials.csv", trials, chosen)
    save(args.out / "model.pt", kept)
    write_text(args.out / "test_metrics.json", json.dumps(summary, indent=1) + "\n")
    for threshold, result in results.items():
        test = result["test"]
        print(
            f"{summary['experiment']}, threshold {threshold}: accuracy {test['accuracy']:.3f}, AUC {shown_auc(test)}"
            f" on {test['count']} test predictions; chosen {result['chosen_trial']}"
        )


def shown_auc(test: dict) -> str:
    return "undefined (one class)" if test["auc"] is None else f"{test['auc']:.3f}"


def write_trials(path: Path, trials: list[dict], chosen: dict[float, dict[str, str]]) -> None:
    """One row a trial: its point, its mean validation metrics, and how many partitions chose it."""
    rows = []
    for trial in trials:
        times = list(chosen[trial["params"]["threshold"]].values()).count(trial["trial"])
        values = [trial["validation"][name] for name in METRICS]
        shown = ["" if value is None else f"{value:.6g}" for value in values]
        rows.append([trial["trial"], *trial["params"].values(), *shown, times])
    csv_table.write(path, ["trial", *trials[0]["params"], *(f"validation_{name}" for name in METRICS), "chosen"], rows)


if __name__ == "__main__":
    p = parser("evaluate", __doc__)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--features", type=Path, required=True, help="HDF5 feature table")
    p.add_argument("--split", type=Path, required=True, help="CSV, a column a partition")
    p.add_argument("--model", choices=models.MODULES, required=True)
    p.add_argument("--select", choices=METRICS, required=True, help="validation metric that chooses the trial")
    p.add_argument("--out", type=Path, required=True, help="the experiment's folder")
    run(main, p)
