"""Each experiment: training, choice of the trial, confusion, reliability, ROC, precision-recall, sweeps, ablation."""

from graincast.evaluation.metrics import METRICS
from graincast.figures.of_experiment import figures, stored
from graincast.report import words
from graincast.report.blocks import Note, Section, Table, Text, chart
from graincast.report.results import Results

CAPTIONS = {
    "training_curves": "Training curves of the chosen trial.",
    "chosen_trial": "Why the trial was chosen: whiskers that overlap mean trials that are about as good.",
    "search": "Whether more trials would have helped: a curve that still improves says so.",
    "predicted_against_true": "A perfect prediction lies on the dotted line.",
    "confusion_matrix": "Rows are true classes, columns predicted ones.",
    "reliability": "A calibrated probability lies on the dotted line.",
    "roc_and_precision_recall": "Better is further up, and to the left (ROC) or to the right (precision-recall).",
    "feature_importance": "Ablation: what each feature adds to subsets of the others.",
}
"""How to read a figure, by the beginning of its name."""
AGAINST = "Accuracy against what the grid varies; propagation steps are the hops that the model sees."
FILES = ("trials.json", "history.h5")


def section(results: Results) -> Section:
    """A part for each experiment."""
    return Section("experiments", "Experiments", [], [_of(results, name) for name in results.experiments])


def _of(results: Results, name: str) -> Section:
    result, about, folder = results.experiments[name], results.about_experiment(name), results.experiment(name)
    blocks: list = []
    if about.get("description"):
        blocks.append(Text(about["description"]))
    network = f" by {result['network']}" if result.get("network") else ""
    blocks.append(
        Text(
            f"Model {result['model']} on {result['features']}{network} of {result['dataset']}, split "
            f"{result['split']}; trials are chosen by validation {METRICS[result['select']].label}."
        )
    )
    blocks.append(_outcome(results, name))
    jobs = results.jobs(name)
    missing = [path for path in (job / file for job in jobs for file in FILES) if not path.is_file()]
    predictions = folder / "predictions.csv"
    if not predictions.is_file():
        missing.append(predictions)
    if missing:
        where = missing[0].relative_to(results.folder).as_posix()
        blocks.append(Note(f"No figures: {where} is not in these results."))
        return Section(f"experiment-{name}", name, blocks)
    for drawn in figures(stored(folder / "test_metrics.json", jobs, predictions)):
        caption = next((text for start, text in CAPTIONS.items() if drawn.name.startswith(start)), "")
        blocks.append(chart(drawn.figure, drawn.words, caption or (AGAINST if "_against_" in drawn.name else "")))
    return Section(f"experiment-{name}", name, blocks)


def _outcome(results: Results, name: str) -> Table:
    """The results for each threshold, and the trials that were chosen."""
    rows = [row for row in results.rows if row["experiment"] == name]
    found = results.experiments[name]["thresholds"]
    lines = []
    for row in sorted(rows, key=lambda row: float(row["threshold"] or 0)):
        outcome = found.get(row["threshold"]) or next(iter(found.values()))
        chosen = outcome["chosen_by_fold"].values()
        searched = "search" in results.experiments[name]
        share = f" ({list(chosen).count(row['chosen_trial'])} of {len(chosen)} folds)" if len(chosen) > 1 else ""
        lines.append(
            (
                words.task(row["target"], row["threshold"]),
                f"one of each fold's own, such as {row['chosen_trial']}" if searched else row["chosen_trial"] + share,
                words.tested(row),
                row.get("interval_method", ""),
                row["cautions"],
            )
        )
    return Table(f"Tests of {name}.", ("task", "chosen trial", "n", "interval", "caution"), lines)
