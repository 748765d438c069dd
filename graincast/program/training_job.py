"""The arguments of the programs that train the trials of an experiment's job."""

import argparse
from pathlib import Path

from graincast.program import extensions


def add_arguments(p: argparse.ArgumentParser) -> None:
    """What a job is called, what it learns from, how it runs, and where it writes."""
    p.add_argument("--name", required=True, help="experiment/job")
    p.add_argument("--features", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--split", type=Path, required=True, help="CSV, one column per fold")
    add_also(p)
    extensions.add_argument(p)
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="for the models that torch trains")
    p.add_argument("--out", type=Path, required=True, help="folder for what was trained")


def add_also(p: argparse.ArgumentParser) -> None:
    """The data sets that are added to the training data."""
    p.add_argument("--also", type=Path, nargs="*", default=[], help="features of further data sets to train on")
