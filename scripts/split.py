"""Assign each microstructure of a data set to training, validation or test data."""

from pathlib import Path

from graincast import shards, splits
from graincast.atomic import whole
from graincast.microstructure import BadInput
from graincast.program import from_json, parser, run


def main(args) -> None:
    names = shards.names(args.graphs)
    try:
        parts = splits.partitions(names, args.split, args.table)
    except ValueError as error:
        raise BadInput(str(error)) from None
    with whole(args.out) as partial:
        splits.write(partial, names, parts)


if __name__ == "__main__":
    p = parser("split", __doc__)
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--split", type=from_json, required=True, help="the configured split as JSON")
    p.add_argument("--table", type=Path, help="given CSV with the columns microstructure, split, for method file")
    p.add_argument("--out", type=Path, required=True, help="CSV, a column a partition")
    run(main, p)
