"""Write the conda environment file from lock files, so that both have the same pins."""

import argparse
import re
from pathlib import Path

from graincast.files.atomic import write_text
from graincast.program.main import parser, run

HEAD = """\
# For `snakemake --sdm conda`. Generated from requirements.lock and torch-cpu.lock by `make conda-file`; do not edit.
# Without hashes, as conda calls pip once for all of them, and torch's CPU build has none.
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def conda_file(*locks: str) -> str:
    """The text of envs/conda.yaml for the texts of lock files."""
    pins = sorted(pin for lock in locks for pin in re.findall(r"^[a-z0-9-]+==[^\s\\]+", lock, re.MULTILINE))
    return HEAD + "".join(f"      - {pin}\n" for pin in pins)


def main(args: argparse.Namespace) -> None:
    write_text(args.out, conda_file(*(lock.read_text(encoding="utf-8") for lock in args.locks)))


if __name__ == "__main__":
    p = parser("conda_file", __doc__)
    p.add_argument("locks", type=Path, nargs="+", help="lock files")
    p.add_argument("--out", type=Path, required=True, help="conda environment file to write")
    run(main, p)
