"""Assign the microstructures of a data set to training, validation and test data, whole groups at a time."""

import argparse
from pathlib import Path

import numpy as np

from graincast.experiment import splits
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument
from graincast.raw import manifest

OPTIONAL = sorted({key for keys in splits.METHOD_KEYS.values() for key in keys})


def main(args: argparse.Namespace) -> None:
    if args.manifests:
        names = sorted(entry["name"] for path in args.manifests for entry in manifest.read(path))
        group_of = dict(zip(names, names, strict=True))
    else:
        group_of = shards.groups(args.graphs)
    try:
        parameters = args.recipe.take("method", optional=OPTIONAL)
        ratios = growth_ratios(args.graphs or []) if parameters.get("stratify") else None
        subsets = splits.subsets_by_fold(group_of, parameters, args.table, ratios)
    except ValueError as error:
        raise BadInput(str(error)) from None
    splits.write(args.out, list(group_of), subsets)
    for name, subset in list(subsets.items())[:1]:
        in_fold = f" in {name}" if len(subsets) > 1 else ""
        print(f"{args.out.stem}: {len(group_of)} microstructures, {count(subset)}{in_fold}")
    if args.table:
        unknown = sorted(splits.read_table(args.table).keys() - group_of.keys())
        if unknown:
            print(f"{args.out.stem}: {len(unknown)} names of the table are not in the data set, {unknown[0]} first")


def growth_ratios(graphs: list[Path]) -> dict[str, np.ndarray]:
    """Each microstructure's growth ratio of the candidate grain in each growth run, float64 [runs]."""
    return {one.name: one.candidate_growth_ratios for path in graphs for one in shards.read(path)}


def count(subset: list[str]) -> str:
    """How many belong to each subset, e.g. 200 train, 50 validation, 50 test, 300 in none."""
    named = [f"{subset.count(kind)} {kind}" for kind in splits.SUBSETS]
    return ", ".join(named + ([f"{subset.count('')} in none"] if "" in subset else []))


if __name__ == "__main__":
    p = parser("split", __doc__)
    listed = p.add_mutually_exclusive_group(required=True)
    listed.add_argument("--graphs", type=Path, nargs="+", help="the data set's shards")
    listed.add_argument("--manifests", type=Path, nargs="+", help="a data set of images: its manifests")
    add_argument(p, '{"method": "fractions", "seed": 0, "validation": 0.2, "test": 0.2, "train_fraction": 1}')
    p.add_argument("--table", type=Path, help="given CSV with the columns microstructure, split, for method file")
    p.add_argument("--out", type=Path, required=True, help="CSV, one column per fold")
    run(main, p)
