"""Write a data set's grain graphs as a folder of DeepSPPARKS JSON files, which read back as the very same graphs."""

import argparse
from pathlib import Path

from graincast.graphs import shards
from graincast.program.main import parser, run
from graincast.program.progress import track
from graincast.program.recipe import add_argument
from graincast.raw.deepspparks_writing import NEW, OLD, write_folder


def main(args: argparse.Namespace) -> None:
    many = (one for path in args.graphs for one in shards.read(path))
    total = len(shards.names(args.graphs))
    write_folder(args.out, track(many, f"export {args.name}", total, "graphs"), args.form)


if __name__ == "__main__":
    p = parser("export", __doc__)
    add_argument(p)
    p.add_argument("--name", default="graphs", help="data set, for progress lines")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--form", choices=[NEW, OLD], default=NEW, help="old: areas in the metadata, by column")
    p.add_argument("--out", type=Path, required=True, help="folder for the files, new or of an earlier export")
    run(main, p)
