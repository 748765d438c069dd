"""Draw an encoder's figures from its stored errors and samples."""

import argparse
from pathlib import Path

import numpy as np

from graincast.figures.encoder import error_against_components, sample_reconstructions
from graincast.figures.style import save_as
from graincast.files import csv_table, hdf5
from graincast.files.atomic import whole
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    errors, curves = (by_kind(args.encoder / name) for name in ("errors.csv", "history.csv"))
    with hdf5.opened(args.encoder / "samples.h5") as file:
        samples = {kind: {name: array[()] for name, array in file[kind].items()} for kind in errors}
    formats = args.recipe.take("formats")["formats"] if args.recipe else ["png"]
    title = args.title or args.encoder.name
    with whole(args.out) as folder:
        folder.mkdir(parents=True)
        against = error_against_components(errors, curves, f"{title}: error")
        save_as(against, folder / "error_against_components", formats)
        reconstructions = sample_reconstructions(samples, f"{title}: held out")
        save_as(reconstructions, folder / "sample_reconstructions", formats)


def by_kind(path: Path) -> dict[str, np.ndarray]:
    """The numbers of a table for each kind of patch, which its first column names."""
    rows: dict[str, list] = {}
    for kind, *numbers in csv_table.rows(path):
        rows.setdefault(kind, []).append([float(number) for number in numbers])
    return {kind: np.array(numbers) for kind, numbers in rows.items()}


if __name__ == "__main__":
    p = parser("encoder_figures", __doc__)
    add_argument(p, '{"formats": ["png", "svg"]}', required=False)
    p.add_argument("--encoder", type=Path, required=True, help="folder of scripts.encoder")
    p.add_argument("--title", help="above the figures; the folder's name without")
    p.add_argument("--out", type=Path, required=True, help="folder for the figures")
    run(main, p)
