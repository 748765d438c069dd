"""Simulate a batch of microstructures and their growth runs, as SPPARKS run folders."""

import argparse
import json
from pathlib import Path

from graincast.files.atomic import resumable
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.potts.dataset import simulate
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.sources import run_files


def main(args: argparse.Namespace) -> None:
    key = args.recipe.key
    if bool(args.initial) != bool(args.shares):
        raise BadInput("--initial and --shares belong together; give both or none")
    if args.initial:
        parameters = args.recipe.take("simulate", "batch")
        states = json.loads(args.shares.read_text(encoding="utf-8"))["batches"][parameters["batch"]]
        key += f"-{digest(args.shares)[:8]}{digest(args.initial)[:8]}"
    else:
        parameters = args.recipe.take("simulate", "states")
        states = range(parameters["states"]["first"], parameters["states"]["last"] + 1)
    with resumable(args.out, key) as folder:
        runs = simulate(folder, states, parameters["simulate"], f"simulate {args.name}", args.initial)
        entries = [manifest.describe(one, run_files(one), folder) for one in runs]
    manifest.write(args.manifest, entries)


if __name__ == "__main__":
    p = parser("simulate", __doc__)
    add_argument(
        p,
        '{"simulate": {the section of the data set}, "states": {"first": 1, "last": 25}}, or, with --initial, "batch": '
        '"0000" for "states"',
    )
    p.add_argument("--name", required=True, help="dataset/batch, for progress lines")
    p.add_argument("--initial", type=Path, help="folder of the initial states that scripts.initialise has made")
    p.add_argument("--shares", type=Path, help="its JSON file, with the states of each batch; with --initial")
    p.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the files made")
    run(main, p)
