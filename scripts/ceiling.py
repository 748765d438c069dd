"""The best that any model can reach on a data set whose states have several growth runs, and a figure of it."""

import argparse
import json
from pathlib import Path

import numpy as np

from graincast.evaluation import ceiling
from graincast.experiment.grid import number
from graincast.figures import ceiling as figure
from graincast.figures.style import save
from graincast.files import csv_table
from graincast.files.atomic import write_text
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument

FORMAT = {"format": "graincast ceiling", "version": 1}


def main(args: argparse.Namespace) -> None:
    thresholds = args.recipe.take("thresholds")["thresholds"]
    rows = csv_table.records(args.summary)
    ratios = [
        np.array([float(value) for key, value in row.items() if key.startswith("cgr_") and value]) for row in rows
    ]
    states = ceiling.with_repeats(ratios, [row.get("group", row["microstructure"]) for row in rows])
    found = {**FORMAT, "dataset": args.name, "states": len(states.ratios) if states else 0}
    if states is None:
        found["why_none"] = f"fewer than {ceiling.MIN_STATES} states have two growth runs or more"
    else:
        of_threshold = {number(threshold): ceiling.of_threshold(states, threshold) for threshold in thresholds}
        found |= {"runs": states.typical_runs, "thresholds": of_threshold, "r2": ceiling.of_ratio(states)}
    write_text(args.out, json.dumps(found, indent=1) + "\n")
    save(figure.ceiling(found), args.figure)
    print(f"{args.name}: {in_words(found)}")


def ratios(row: dict[str, str]) -> np.ndarray:
    """The growth ratios of a microstructure's runs."""
    return np.array([float(value) for key, value in row.items() if key.startswith("cgr_") and value])


def in_words(found: dict) -> str:
    if "why_none" in found:
        return f"no noise ceiling: {found['why_none']}"
    best = [(threshold, of["single_run"]["accuracy"]) for threshold, of in found["thresholds"].items()]
    texts = [f"{one['value']:.3f}{between(one['interval'])} above {threshold}" for threshold, one in best]
    return (
        f"best accuracy for one growth run {', '.join(texts)}"
        if texts
        else f"R² {found['r2']['single_run']['value']:.3f}"
    )


def between(interval: list[float] | None) -> str:
    return f" ({interval[0]:.3f} to {interval[1]:.3f})" if interval else ""


if __name__ == "__main__":
    p = parser("ceiling", __doc__)
    add_argument(p, '{"thresholds": [10]}')
    p.add_argument("--name", required=True, help="the data set's name")
    p.add_argument("--summary", type=Path, required=True, help="the data set's summary.csv")
    p.add_argument("--out", type=Path, required=True, help="JSON")
    p.add_argument("--figure", type=Path, required=True, help="PNG")
    run(main, p)
