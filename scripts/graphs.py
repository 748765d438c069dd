"""Read the raw runs of one shard into grain graphs; what cannot be used goes into a table with its reason.

SPPARKS's states are read as periodic in both directions unless `periodic` says otherwise: grains at one edge touch
those at the opposite edge. A map gives one graph per candidate grain.
"""

import argparse
from collections.abc import Iterator
from pathlib import Path

from graincast.files import csv_table
from graincast.graphs import shards, time_steps
from graincast.microstructure import BadInput, Microstructure
from graincast.program.main import parser, run
from graincast.program.progress import track
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.reading import SHAPING, read
from graincast.raw.sources import SOURCES, Source


def main(args: argparse.Namespace) -> None:
    readable = {name: one for name, one in SOURCES.items() if one.reader}
    name = args.recipe.parameters.get("source")
    if name not in readable:
        raise BadInput(f"{args.recipe.path}: source {name!r} is none of {', '.join(readable)}")
    source = readable[name]
    settings = args.recipe.take("source", *source.settings, optional=SHAPING)
    time_steps.check(settings.get("time_steps", time_steps.ALL))
    runs = manifest.read(args.manifest)
    rejected: list[tuple[str, str]] = []

    def graphs() -> Iterator[Microstructure]:
        for entry in track(runs, f"graphs {args.name}", len(runs), "files"):
            reason = manifest.reason_of(entry)
            of_map: list[Microstructure] = []
            if reason is None:
                raw = unchanged(entry, args.root, source)
                try:
                    of_map = read(raw, entry["name"], settings)
                except BadInput as error:
                    reason = str(error)
                except MemoryError:
                    raise BadInput(f"{raw}: too little memory to read it; give rule graphs more (mem_mb)") from None
            if reason is not None:
                rejected.append((entry["name"], manifest.printable(" ".join(reason.split()))))
            yield from of_map

    shards.write(args.out, graphs(), settings.get("hops"))
    csv_table.write(args.rejected, ["file", "reason"], rejected)


def unchanged(entry: dict, root: Path, source: Source) -> Path:
    """The file or folder of a manifest's run. Raises BadInput where its content is not that of the manifest."""
    paths = [root / file["path"] for file in entry["files"]]
    for path, file in zip(paths, entry["files"], strict=True):
        if manifest.sha256(path) != file["sha256"]:
            raise BadInput(f"{path}: changed while the workflow was running; run it again")
    # a run that is a folder is the one of that name, or the root itself
    raw = paths[0] if source.single_files else root / entry["name"]
    return raw if raw.exists() else root


if __name__ == "__main__":
    p = parser("graphs", __doc__)
    add_argument(p, '{"source": "spparks", "hops": 2, "time_steps": "first-last"}')
    p.add_argument("--name", required=True, help="dataset/shard, for progress lines")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the shard's raw files")
    p.add_argument("--root", type=Path, required=True, help="folder that the manifest's paths start from")
    p.add_argument("--out", type=Path, required=True, help="HDF5 shard of grain graphs")
    p.add_argument("--rejected", type=Path, required=True, help="CSV of rejected files and reasons")
    run(main, p)
