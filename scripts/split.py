"""Assign each microstructure of a data set to training, validation or test data."""

from pathlib import Path

from graincast import manifest, shards, splits
from graincast.atomic import whole
from graincast.microstructure import BadInput
from graincast.program import json_with, parser, run


def main(args) -> None:
    if args.manifests:
        names = sorted(entry["name"] for path in args.manifests for entry in manifest.read(path))
    else:
        names = shards.names(args.graphs)
    try:
        parts = splits.partitions(names, args.split, args.table)
    except ValueError as error:
        raise BadInput(str(error)) from None
    with whole(args.out) as partial:
        splits.write(partial, names, parts)
    for name, part in list(parts.items())[:1]:
        print(
            f"{args.out.stem}: {len(names)} microstructures, {count(part)}" + (f" in {name}" if len(parts) > 1 else "")
        )
    if args.table:
        unknown = sorted(splits.given(args.table).keys() - set(names))
        if unknown:
            print(f"{args.out.stem}: {len(unknown)} names of the table are not in the data set, {unknown[0]} first")


def count(part: list[str]) -> str:
    """How many belong to each part, e.g. 200 train, 50 validation, 50 test, 300 in none."""
    named = [f"{part.count(kind)} {kind}" for kind in splits.PARTS]
    return ", ".join(named + ([f"{part.count('')} in none"] if "" in part else []))


if __name__ == "__main__":
    p = parser("split", __doc__)
    listed = p.add_mutually_exclusive_group(required=True)
    listed.add_argument("--graphs", type=Path, nargs="+", help="the data set's shards")
    listed.add_argument("--manifests", type=Path, nargs="+", help="a data set of images: its manifests")
    p.add_argument(
        "--split",
        type=json_with("method", optional=("seed", "validation", "test", "folds", "repeats")),
        required=True,
        help='the configured split: {"method": "fractions", "seed": 0, "validation": 0.2, "test": 0.2}',
    )
    p.add_argument("--table", type=Path, help="given CSV with the columns microstructure, split, for method file")
    p.add_argument("--out", type=Path, required=True, help="CSV, a column a partition")
    run(main, p)
