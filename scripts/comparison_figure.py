"""Draw the test results of finished experiments side by side, all or chosen ones, from the table that compares them."""

import argparse
from pathlib import Path

from graincast.figures import experiment
from graincast.figures.style import save
from graincast.files import csv_table
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    rows = csv_table.records(args.comparison)
    known = {row["experiment"] for row in rows}
    for name in args.experiments or []:
        if name not in known:
            raise BadInput(f"{args.comparison}: has no experiment {name} (it has {', '.join(sorted(known))})")
    rows = [row for row in rows if not args.experiments or row["experiment"] in args.experiments]
    for path in args.out:
        save(experiment.comparison(rows), path)


if __name__ == "__main__":
    p = parser("comparison_figure", __doc__)
    add_argument(p)
    p.add_argument("--comparison", type=Path, default=Path("results/comparison.csv"), help="results/comparison.csv")
    p.add_argument("--experiments", nargs="+", help="names of the experiments to show (default: all)")
    p.add_argument("--out", type=Path, nargs="+", required=True, help="files to write: .png, .svg or .pdf")
    run(main, p)
