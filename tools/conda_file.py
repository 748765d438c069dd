"""Write the conda environment file from the lock file, so that both have the same pins."""

import argparse
from pathlib import Path

from graincast.files.atomic import write_text
from graincast.program.main import parser, run

HEAD = """\
# For `snakemake --sdm conda`. Generated from requirements.lock by `make conda-file`; do not edit.
channels: [conda-forge, nodefaults]
dependencies:
  - python=3.11
  - pip
  - pip:
"""


def conda_file(lock: str) -> str:
    """The text of envs/conda.yaml for the text of a lock file."""
    pins = [line for line in lock.splitlines() if line and not line.startswith("#")]
    return HEAD + "".join(f"      - {pin}\n" for pin in pins)


def main(args: argparse.Namespace) -> None:
    write_text(args.out, conda_file(args.lock.read_text(encoding="utf-8")))


if __name__ == "__main__":
    p = parser("conda_file", __doc__)
    p.add_argument("lock", type=Path, help="lock file")
    p.add_argument("out", type=Path, help="conda environment file to write")
    run(main, p)
