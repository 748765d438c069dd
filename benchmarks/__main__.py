"""Run benchmarks one after the other, then put their figures where they are quoted and draw them: make bench.

    python -m benchmarks                  all of them, half an hour on a quiet machine
    python -m benchmarks features sgc     these
    python -m benchmarks slurm_jobs       one that needs a SLURM cluster, so it runs only if it is named

Each writes its entry of benchmarks/results.json. What fails is named at the end; the others are run all the same.
"""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks import figure, quoted

ALL = (
    "reading",
    "features",
    "patches",
    "loading",
    "training",
    "sgc",
    "predict",
    "vision",
    "tracking",
    "imports",
    "potts",
    "potts_counters",
    "potts_batches",
    "regrowth",
    "memory",
    "published_size",
    "on_paper",
)
ON_A_CLUSTER = ("slurm_jobs",)
"""Run only if they are named, as they need more than a machine."""
ARGUMENTS = {"vision": ["--images", "0"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names",
        nargs="*",
        choices=[*ALL, *ON_A_CLUSTER, []],
        metavar="NAME",
        help=f"of {', '.join(ALL)}; on a SLURM cluster also {', '.join(ON_A_CLUSTER)}",
    )
    chosen = parser.parse_args().names or ALL
    failed = []
    for name in chosen:
        print(f"== {name}", flush=True)
        command = [sys.executable, "-m", f"benchmarks.{name}", *ARGUMENTS.get(name, [])]
        if subprocess.run(command, cwd=Path(__file__).parents[1]).returncode:
            failed.append(name)
    figure.draw()
    quoted.update()
    if failed:
        sys.exit(f"these failed, and keep their former figures: {', '.join(failed)}")


if __name__ == "__main__":
    main()
