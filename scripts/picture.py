"""Draw microstructures of a data set, each candidate in the middle."""

from pathlib import Path

from graincast import figures, pictures, shards
from graincast.microstructure import BadInput
from graincast.program import parser, run


def main(args) -> None:
    wanted = set(args.names)
    for path in args.graphs:
        for one in shards.read(path):
            if one.name in wanted or not args.names:
                own = one.candidate.argmax()
                ratios = ", ".join(f"{area[-1, own] / area[0, own]:.1f}" for area in one.areas)
                figure = pictures.microstructure(one, f"{one.name}: {one.grain_id.size} grains, growth ratio {ratios}")
                figures.save(figure, args.out / f"{one.name.replace('/', '_')}.png")
                wanted.discard(one.name)
    if wanted:
        raise BadInput(f"no microstructure {sorted(wanted)[0]} in {len(args.graphs)} shards")


if __name__ == "__main__":
    p = parser("picture", __doc__)
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="shards of grain graphs")
    p.add_argument("--names", nargs="*", default=[], help="names of microstructures (default: all)")
    p.add_argument("--out", type=Path, required=True, help="folder for PNG files")
    run(main, p)
