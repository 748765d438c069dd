"""Simulate a batch of microstructures and their growth runs, as SPPARKS run folders."""

from pathlib import Path

from graincast.files.atomic import whole
from graincast.potts.dataset import simulate
from graincast.program.main import from_json, json_with, parser, run
from graincast.raw import manifest
from graincast.raw.sources import run_files


def main(args) -> None:
    first, last = args.states["first"], args.states["last"]
    with whole(args.out) as folder:
        runs = simulate(folder, range(first, last + 1), args.simulate, f"simulate {args.name}")
        entries = [manifest.describe(one, run_files(one), folder) for one in runs]
    manifest.write(args.manifest, entries)


if __name__ == "__main__":
    p = parser("simulate", __doc__)
    p.add_argument("--simulate", type=from_json, required=True, help="the data set's simulate section as JSON")
    p.add_argument("--name", required=True, help="dataset/batch, for progress lines")
    p.add_argument(
        "--states",
        type=json_with("first", "last"),
        required=True,
        help='numbers of the states: {"first": 1, "last": 25}',
    )
    p.add_argument("--out", type=Path, required=True, help="folder for the run folders")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the files made")
    run(main, p)
