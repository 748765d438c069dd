"""Make the initial states of a block of batches, and share them out so that their growth runs take about as long."""

import argparse
import json
from pathlib import Path

from graincast.files.atomic import resumable, write_text
from graincast.potts.batches import shared_out
from graincast.potts.dataset import forecast_cost, initialise
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("simulate", "batches")
    batches = parameters["batches"]
    numbers = [number for first, last in batches.values() for number in range(first, last + 1)]
    with resumable(args.out, args.recipe.key) as folder:
        runs = initialise(folder, numbers, parameters["simulate"], f"initialise {args.name}")
        cost = [forecast_cost(one) for one in runs]
    most = max(last - first + 1 for first, last in batches.values())
    shares = shared_out(cost, len(batches), most)
    content = {
        "batches": {name: [numbers[i] for i in share] for name, share in zip(batches, shares, strict=True)},
        "forecast": dict(zip(map(str, numbers), cost, strict=True)),
    }
    write_text(args.shares, json.dumps(content, indent=1) + "\n")


if __name__ == "__main__":
    p = parser("initialise", __doc__)
    add_argument(p, '{"simulate": {the section of the data set}, "batches": {"0000": [1, 25], "0001": [26, 50]}}')
    p.add_argument("--name", required=True, help="dataset/block, for progress lines")
    p.add_argument("--out", type=Path, required=True, help="folder for the run folders, without growth runs")
    p.add_argument("--shares", type=Path, required=True, help="JSON: the states of each batch, and their forecast cost")
    run(main, p)
