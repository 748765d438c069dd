"""Simulate a batch of microstructures and their growth runs, as SPPARKS run folders."""

import argparse
from pathlib import Path

from graincast.files.atomic import resumable
from graincast.potts.dataset import simulate
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.sources import run_files


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("simulate", "states")
    first, last = parameters["states"]["first"], parameters["states"]["last"]
    with resumable(args.out, args.recipe.key) as folder:
        runs = simulate(folder, range(first, last + 1), parameters["simulate"], f"simulate {args.name}")
        entries = [manifest.describe(one, run_files(one), folder) for one in runs]
    manifest.write(args.manifest, entries)


if __name__ == "__main__":
    p = parser("simulate", __doc__)
    add_argument(p, '{"simulate": {the section of the data set}, "states": {"first": 1, "last": 25}}')
    p.add_argument("--name", required=True, help="dataset/batch, for progress lines")
    p.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the files made")
    run(main, p)
