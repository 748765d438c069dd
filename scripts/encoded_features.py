"""Put the codes of grains and boundaries into a feature set, beside plain features."""

from pathlib import Path

import numpy as np

from graincast import csv_table, rejection, shards
from graincast.encoders import codes
from graincast.features import table
from graincast.features.rows import row
from graincast.microstructure import BadInput
from graincast.program import from_json, parser, run


def main(args) -> None:
    encoded = codes.read(args.codes)
    total = len(shards.names(args.graphs))
    rejected = sum(len(csv_table.rows(path)) for path in args.rejected)
    rejection.check(args.name.partition("/")[0], total, rejected, args.max_rejected)
    at = {name: i for i, name in enumerate(encoded.name)}
    parts = []
    for path in args.graphs:
        for one in shards.read(path):
            if one.name not in at:
                raise BadInput(f"{args.codes}: has no codes of {one.name}; make it again")
            i = at[one.name]
            grain = encoded.grain[slice(*encoded.node_ptr[i : i + 2])]
            boundary = encoded.boundary[slice(*encoded.edge_ptr[i : i + 2])].astype(float)
            plain = row(one, args.columns)
            parts.append(plain | {"x": np.concatenate([plain["x"], grain], axis=1), "edge_x": boundary})
    names = [f"grain_{k}" for k in range(encoded.grain.shape[1])]
    edge_names = [f"boundary_{k}" for k in range(encoded.boundary.shape[1])]
    table.write(args.out, table.assemble([*args.columns, *names], parts, edge_names))


if __name__ == "__main__":
    p = parser("encoded_features", __doc__)
    p.add_argument("--name", required=True, help="dataset/feature set, for messages")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--codes", type=Path, required=True, help="HDF5 file of scripts.encode")
    p.add_argument("--rejected", type=Path, nargs="*", default=[], help="the shards' tables of rejected input")
    p.add_argument("--max-rejected", type=float, default=1, help="largest share that may be rejected")
    p.add_argument("--columns", type=from_json, required=True, help='plain features that stand first: ["type"] or []')
    p.add_argument("--out", type=Path, required=True, help="HDF5 feature table")
    run(main, p)
