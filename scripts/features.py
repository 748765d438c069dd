"""Measure a feature set on a data set's grain graphs."""

import argparse
from collections.abc import Iterator
from pathlib import Path

from graincast.features import named, table
from graincast.features.feature import BOUNDARY_LENGTH, Measured
from graincast.features.rows import row
from graincast.files import csv_table
from graincast.graphs import rejection, shards
from graincast.graphs.shards import Samples
from graincast.microstructure import Microstructure
from graincast.program import extensions
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument
from graincast.program.workers import in_order


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("nodes", optional=["edges"])
    nodes, edges = parameters["nodes"], parameters.get("edges", [BOUNDARY_LENGTH])
    extensions.install(args.extensions)
    features = named.tables(args.extensions)
    total = len(shards.names(args.graphs))
    rejected = sum(len(csv_table.rows(path)) for path in args.rejected)
    rejection.check_before(args.name, args.name.partition("/")[0], total, rejected, args.max_rejected)
    progress = Progress(f"features {args.name}", total, "microstructures")

    def of_map(one: tuple[Microstructure, Samples]) -> list[dict]:
        whole, samples = one
        measured = Measured(whole)
        return [row(sample, nodes, edges, features, measured) for sample in samples]

    def rows() -> Iterator[dict]:
        maps = (one for path in args.graphs for one in shards.read_maps(path))
        for of_samples in in_order(of_map, maps, args.threads):
            yield from of_samples
            progress.advance(len(of_samples))

    table.write_rows(args.out, nodes, rows(), edges)


if __name__ == "__main__":
    p = parser("features", __doc__)
    add_argument(p, '{"nodes": ["type", "area"], "edges": ["boundary_length"]}')
    p.add_argument("--name", required=True, help="dataset/feature set, for progress lines")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--rejected", type=Path, nargs="*", default=[], help="the shards' tables of rejected input")
    p.add_argument("--max-rejected", type=float, default=1, help="largest fraction that may be rejected")
    extensions.add_argument(p)
    p.add_argument("--threads", type=int, default=1, help="microstructures to measure at once, each by a process")
    p.add_argument("--out", type=Path, required=True, help="HDF5 feature table")
    run(main, p)
