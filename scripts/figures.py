"""Draw an experiment's figures from its stored results."""

import json
from pathlib import Path

import numpy as np

from graincast import figures, hdf5
from graincast.atomic import whole
from graincast.microstructure import BadInput
from graincast.program import parser, run
from graincast.trials import read_record


def main(args) -> None:
    result = json.loads(args.metrics.read_text(encoding="utf-8"))
    records = {folder: read_record(folder) for folder in args.trials}
    trials = [trial for record in records.values() for trial in record["trials"]]
    experiment = result["experiment"]
    with whole(args.out) as folder:
        folder.mkdir(parents=True)
        for threshold, of_threshold in result["thresholds"].items():
            name = of_threshold["chosen_trial"]
            title = f"{experiment}: {name}"
            steps, curves, kept = curves_of(records, name)
            figures.save(
                figures.training_curves(steps, curves, kept, title), folder / f"training_curves_t{threshold}.png"
            )
            heading = f"{experiment}, growth ratio > {threshold}: test accuracy {of_threshold['test']['accuracy']:.3f}"
            figures.save(
                figures.confusion_matrix(of_threshold["test"], heading), folder / f"confusion_matrix_t{threshold}.png"
            )
        thresholds = sorted(float(threshold) for threshold in result["thresholds"])
        figure = figures.accuracy_against_hops(trials, thresholds, experiment)
        figures.save(figure, folder / "accuracy_against_hops.png")


def curves_of(records: dict[Path, dict], name: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A trial's steps, curves by partition and kept iterations."""
    for folder, record in records.items():
        for i, trial in enumerate(record["trials"]):
            if trial["trial"] == name:
                with hdf5.opened(folder / "history.h5") as file:
                    kept = np.array([one["iteration"] for one in trial["by_partition"].values()])
                    return file["steps"][:], file["curves"][i], kept
    raise BadInput(f"the chosen trial {name} is in none of the folders of --trials")


if __name__ == "__main__":
    p = parser("figures", __doc__)
    p.add_argument("--trials", type=Path, nargs="+", required=True, help="folders of the experiment's training jobs")
    p.add_argument("--metrics", type=Path, required=True, help="the experiment's test_metrics.json")
    p.add_argument("--out", type=Path, required=True, help="folder for the figures")
    run(main, p)
