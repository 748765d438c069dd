"""Run benchmarks one after the other, then put their figures where they are quoted and draw them: make bench.

    python -m benchmarks                  all of them, half an hour on a quiet machine
    python -m benchmarks features sgc     these

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
ARGUMENTS = {"vision": ["--images", "0"]}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", choices=[*ALL, []], metavar="NAME", help=f"of {', '.join(ALL)}")
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
