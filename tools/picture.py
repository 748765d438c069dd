"""Draw microstructures of a data set, each candidate in the middle."""

import argparse
from pathlib import Path

from graincast.figures import microstructure
from graincast.figures.style import save
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.program.main import parser, run


def main(args: argparse.Namespace) -> None:
    wanted = set(args.names)
    for path in args.graphs:
        for one in shards.read(path):
            if one.name in wanted or not args.names:
                ratios = ", ".join(f"{ratio:.1f}" for ratio in one.candidate_growth_ratios)
                title = f"{one.name}: {one.grain_id.size} grains, growth ratio {ratios}"
                save(microstructure.figure(one, title), args.out / f"{one.name.replace('/', '_')}.png")
                wanted.discard(one.name)
    if wanted:
        raise BadInput(f"no microstructure {sorted(wanted)[0]} in {len(args.graphs)} shards")


if __name__ == "__main__":
    p = parser("picture", __doc__)
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="shards of grain graphs")
    p.add_argument("--names", nargs="*", default=[], help="names of microstructures (default: all)")
    p.add_argument("--out", type=Path, required=True, help="folder for PNG files")
    run(main, p)
