"""Choose an experiment's trial on validation data, and measure it, and only it, on test data."""

import json
from pathlib import Path

import numpy as np

from graincast import cost, csv_table, grid, metric_names, metrics, models, selection, splits, targets
from graincast.atomic import write_text
from graincast.microstructure import BadInput
from graincast.models.trained import read_models, save
from graincast.program import parser, run
from graincast.trials import read_record

COLUMNS = {
    targets.ABNORMAL: ("label", "probability"),
    targets.GROWTH_RATIO: ("growth_ratio", "predicted"),
    targets.LABEL: ("label", "predicted"),
}
"""How predictions.csv names what is true and what is predicted, by kind of target."""


def main(args) -> None:
    model = models.load(args.model)
    data = model.read(args.features)
    parts = splits.parts_of(args.split, data.name)
    records = [read_record(folder) for folder in args.trials]
    trials = [trial for record in records for trial in record["trials"]]
    job_of = {t["trial"]: folder for record, folder in zip(records, args.trials, strict=True) for t in record["trials"]}
    kind, select = records[0]["target"]["kind"], args.select
    if select not in metric_names.NAMES[kind]:
        raise BadInput(f"--select: {select} is no metric of {kind}; choose from {', '.join(metric_names.NAMES[kind])}")
    chosen = selection.choose(trials, select)
    target = targets.of_data(data, list(chosen), **records[0]["target"])
    stored = {folder: read_models(folder / "models.pt") for folder in args.trials}

    results, rows, kept = {}, [], {}
    for threshold, by_partition in sorted(chosen.items()):
        true, shown_threshold = target.values[threshold], grid.number(threshold)
        measured, baselines = {}, []
        for partition, trial in by_partition.items():
            part, parameters = parts[partition], stored[job_of[trial]][trial][partition]
            predicted = model.predict(parameters, data)
            test, train = (targets.rows(target, data, part == name) for name in ("test", "train"))
            measured[partition] = metrics.measure(kind, true[test], predicted[test])
            baselines.append(metrics.baseline(kind, true[train], true[test]))
            kept[f"{shown_threshold}/{partition}"] = {"trial": trial, "model": parameters}
            shown = targets.rows(target, data, part != "" if len(parts) == 1 else part == "test")
            about = (shown_threshold, partition, trial)
            rows += predictions(data, target, about, part, shown, true, predicted)
        results[shown_threshold] = {
            "chosen_trial": selection.most_chosen(by_partition),
            "chosen_by_partition": by_partition,
            "test": {**metrics.mean(measured.values()), **metrics.mean(baselines)},
            "test_spread_over_partitions": metrics.spread(measured.values()),
            "test_by_partition": measured,
        }
    keys = ("experiment", "model", "target", "dataset", "features", "columns", "network", "classes", "split")
    about = {key: records[0].get(key) for key in (*keys, "fingerprint")}
    jobs = [record["job"] for record in records]
    summary = {**about, "select": select, "jobs": jobs, "thresholds": results}
    header = ("microstructure", "grain", "threshold", "partition", "split", "trial", *COLUMNS[kind])
    csv_table.write(args.out / "predictions.csv", header, rows)
    write_trials(args.out / "trials.csv", trials, chosen, metric_names.NAMES[kind])
    save(args.out / "model.pt", kept)
    write_text(args.out / "test_metrics.json", json.dumps(summary, indent=1) + "\n")
    cost.write(args.out)
    for threshold, result in results.items():
        test = result["test"]
        of = f", threshold {threshold}" if threshold else ""
        values = ", ".join(
            f"{name} {shown_value(test[name])}" for name in ("accuracy", "auc", "r2", "mae") if name in test
        )
        name, trial = summary["experiment"], result["chosen_trial"]
        print(f"{name}{of}: {values} on {test['count']} test predictions; chosen {trial}")


def predictions(data, target, about: tuple, part, shown, true, predicted) -> list[tuple]:
    """The rows of predictions.csv: one a microstructure, or one a grain."""
    at = np.flatnonzero(shown)
    owner = np.repeat(np.arange(len(data.name)), np.diff(data.node_ptr)) if target.grains == targets.ALL else None
    of = owner[at] if owner is not None else at
    grain = at - data.node_ptr[of] if owner is not None else [""] * at.size
    if predicted.ndim == 2:  # scores of classes
        predicted = predicted.argmax(axis=1)
    return [
        (data.name[g], n, about[0], about[1], part[g], about[2], f"{float(true[i]):.9g}", f"{predicted[i]:.9g}")
        for i, g, n in zip(at, of, grain, strict=True)
    ]


def shown_value(value: float | None) -> str:
    return "undefined" if value is None else f"{value:.3f}"


def write_trials(path: Path, trials: list[dict], chosen: dict[float, dict[str, str]], names: tuple[str, ...]) -> None:
    """One row a trial: its point, its mean validation metrics, and how many partitions chose it."""
    rows = []
    for trial in trials:
        times = list(chosen[trial["params"].get("threshold")].values()).count(trial["trial"])
        values = [trial["validation"][name] for name in names]
        shown = ["" if value is None else f"{value:.6g}" for value in values]
        rows.append([trial["trial"], *trial["params"].values(), *shown, times])
    csv_table.write(path, ["trial", *trials[0]["params"], *(f"validation_{name}" for name in names), "chosen"], rows)


if __name__ == "__main__":
    p = parser("evaluate", __doc__)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, a column a partition")
    p.add_argument("--model", required=True, help="a module of graincast/models: sgc, gat, svm")
    p.add_argument("--select", required=True, help="validation metric that chooses the trial, e.g. nll")
    p.add_argument("--out", type=Path, required=True, help="the experiment's folder")
    run(main, p)
