"""Put the codes of grains and boundaries into a feature set, beside plain features."""

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from graincast.encoders import codes
from graincast.features import named, table
from graincast.features.feature import Measured
from graincast.features.rows import row
from graincast.files import csv_table
from graincast.graphs import rejection, shards
from graincast.microstructure import BadInput
from graincast.program import extensions
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    columns = args.recipe.take("columns")["columns"]
    extensions.install(args.extensions)
    features = named.tables(args.extensions)
    encoded = codes.read(args.codes)
    total = len(shards.names(args.graphs))
    rejected = sum(len(csv_table.rows(path)) for path in args.rejected)
    rejection.check_before(args.name, args.name.partition("/")[0], total, rejected, args.max_rejected)

    def rows() -> Iterator[dict]:
        for path in args.graphs:
            for whole, samples in shards.read_maps(path):
                of_map = Measured(whole)
                for one in samples:
                    try:
                        grain, boundary = encoded.of_microstructure(one.name)
                    except BadInput as error:
                        raise BadInput(f"{args.codes}: {error}") from None
                    plain = row(one, columns, tables=features, of_map=of_map)
                    x = np.concatenate([plain["x"], grain], axis=1)
                    yield plain | {"x": x, "edge_x": boundary}

    names = [f"grain_{k}" for k in range(encoded.grain.shape[1])]
    edge_names = [f"boundary_{k}" for k in range(encoded.boundary.shape[1])]
    table.write_rows(args.out, [*columns, *names], rows(), edge_names)


if __name__ == "__main__":
    p = parser("encoded_features", __doc__)
    add_argument(p, '{"columns": ["type", "area"]}')
    p.add_argument("--name", required=True, help="dataset/feature set, for messages")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--codes", type=Path, required=True, help="HDF5 file of scripts.encode")
    p.add_argument("--rejected", type=Path, nargs="*", default=[], help="the shards' tables of rejected input")
    p.add_argument("--max-rejected", type=float, default=1, help="largest fraction that may be rejected")
    extensions.add_argument(p)
    p.add_argument("--out", type=Path, required=True, help="HDF5 feature table")
    run(main, p)
