"""Read the raw runs of one shard into grain graphs; what cannot be used goes into a table with its reason.

SPPARKS's states are read as periodic in both directions unless `periodic` says otherwise: grains at one edge touch
those at the opposite edge. A map gives one graph per candidate grain.
"""

import argparse
import importlib
from collections.abc import Iterator
from pathlib import Path

from graincast.files import csv_table
from graincast.graphs import growth_runs, samples, shards, time_steps
from graincast.microstructure import BadInput, Microstructure
from graincast.program.main import parser, run
from graincast.program.progress import track
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.limits import content_errors
from graincast.raw.sources import GROWTH_KEYS, MAP_KEYS, READER_KEYS, SOURCES, Source


def main(args: argparse.Namespace) -> None:
    readable = {name: one for name, one in SOURCES.items() if one.reader}
    name = args.recipe.parameters.get("source")
    if name not in readable:
        raise BadInput(f"{args.recipe.path}: source {name!r} is none of {', '.join(readable)}")
    source = readable[name]
    given = args.recipe.take("source", *source.settings, optional=(*GROWTH_KEYS, *MAP_KEYS, *READER_KEYS))
    kept, types = given.get("time_steps", time_steps.ALL), given.get("types", {"by": samples.MESO})
    own = {key: given[key] for key in source.settings}
    own |= {key: given[key] for key in READER_KEYS if given.get(key) is not None}
    reader = importlib.import_module(f"graincast.raw.{source.reader}")
    time_steps.check(kept)
    runs = manifest.read(args.manifest)
    rejected: list[tuple[str, str]] = []

    def graphs() -> Iterator[Microstructure]:
        for entry in track(runs, f"graphs {args.name}", len(runs), "files"):
            reason = manifest.reason_of(entry)
            of_map: list[Microstructure] = []
            if reason is None:
                raw = unchanged(entry, args.root, source)
                try:
                    with content_errors("unforeseen content"):
                        state = growth_runs.chosen(reader.read(raw, entry["name"], **own), given.get("growth_runs"))
                        of_map = samples.samples(time_steps.reduced(state, kept), given.get("candidates"), types)
                except BadInput as error:
                    reason = str(error)
                except MemoryError:
                    raise BadInput(f"{raw}: too little memory to read it; give rule graphs more (mem_mb)") from None
            if reason is not None:
                rejected.append((entry["name"], manifest.printable(" ".join(reason.split()))))
            yield from of_map

    shards.write(args.out, graphs(), given.get("hops"))
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
