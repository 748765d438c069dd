"""Accept a data set unless too much of it was rejected as bad input, or nothing is left."""

import argparse
import json
from pathlib import Path

from graincast.files import csv_table
from graincast.files.atomic import write_text
from graincast.graphs import rejection
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    used, rejected = (len(csv_table.rows(path)) for path in (args.summary, args.rejected))
    print(f"{args.name}: {rejected} of {used + rejected} microstructures rejected")
    rejection.check(args.name, used, rejected, args.recipe.take("max_rejected")["max_rejected"])
    write_text(args.out, json.dumps({"used": used, "rejected": rejected}) + "\n")


if __name__ == "__main__":
    p = parser("check_rejected", __doc__)
    add_argument(p, '{"max_rejected": 0.05}')
    p.add_argument("--name", required=True, help="the data set's name")
    p.add_argument("--summary", type=Path, required=True, help="CSV of microstructures")
    p.add_argument("--rejected", type=Path, required=True, help="CSV of rejected input")
    p.add_argument("--out", type=Path, required=True, help="JSON with the counts; not written if refused")
    run(main, p)
