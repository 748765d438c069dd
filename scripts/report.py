"""Write the report: all results in a folder as one HTML file that needs nothing else."""

import argparse
from pathlib import Path

from graincast.program.main import parser, run
from graincast.program.recipe import add_argument
from graincast.report import page


def main(args: argparse.Namespace) -> None:
    if args.recipe:
        args.recipe.take("descriptions")  # which lie in the configurations among the results
    page.write(args.results, args.out)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.1f} MB; open it in a browser")


if __name__ == "__main__":
    p = parser("report", __doc__)
    add_argument(p, '{"descriptions": {}}', required=False)
    p.add_argument("--results", type=Path, default=Path("results"), help="folder of results (default: results)")
    p.add_argument("--out", type=Path, required=True, help="HTML")
    run(main, p)
