"""Grow the microstructures of a shard of another data set with this project's simulator."""

import argparse
from pathlib import Path

from graincast.files.atomic import resumable
from graincast.files.digest import digest
from graincast.graphs import shards
from graincast.potts.regrowth import regrow
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.sources import regrown_files


def main(args: argparse.Namespace) -> None:
    settings = args.recipe.take("regrow")["regrow"]
    samples = list(shards.read(args.graphs))
    progress = Progress(f"regrow {args.name}", len(samples) * settings["growth"]["runs"], "growth runs")
    with resumable(args.out, f"{args.recipe.key}-{digest(args.graphs)[:16]}") as folder:
        for sample in samples:
            for note in regrow(folder / sample.name, sample, settings):
                progress.advance(note=note)
        entries = [manifest.describe(folder / one.name, regrown_files(folder / one.name), folder) for one in samples]
    manifest.write(args.manifest, entries)


if __name__ == "__main__":
    p = parser("regrow", __doc__)
    add_argument(p, '{"regrow": {the section of the data set}}')
    p.add_argument("--name", required=True, help="dataset/shard, for progress lines")
    p.add_argument("--graphs", type=Path, required=True, help="a shard of the other data set")
    p.add_argument("--out", type=Path, required=True, help="folder for the growth runs")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the files made")
    run(main, p)
