"""Read the raw runs of one shard into grain graphs; what cannot be used goes into a table with its reason."""

import argparse
import importlib
from pathlib import Path

from graincast.files import csv_table
from graincast.graphs import shards, time_steps
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.progress import track
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.raw.sources import SOURCES


def main(args: argparse.Namespace) -> None:
    parameters = args.recipe.take("source", optional=("hops", "time_steps"))
    source, hops, kept = parameters["source"], parameters.get("hops"), parameters.get("time_steps", time_steps.ALL)
    readers = {name: one.reader for name, one in SOURCES.items() if one.reader}
    if source not in readers:
        raise BadInput(f"{args.recipe.path}: source {source!r} is none of {', '.join(readers)}")
    reader = importlib.import_module(f"graincast.raw.{readers[source]}")
    time_steps.check(kept)
    runs = manifest.read(args.manifest)
    graphs, rejected = [], []
    for entry in track(runs, f"graphs {args.name}", len(runs), "files"):
        if "same_as" in entry:
            rejected.append((entry["name"], f"the same content as {entry['same_as']}"))
            continue
        paths = [args.root / file["path"] for file in entry["files"]]
        for path, file in zip(paths, entry["files"], strict=True):
            if manifest.sha256(path) != file["sha256"]:
                raise BadInput(f"{path}: changed while the workflow was running; run it again")
        # a JSON graph is its file; a SPPARKS run is the folder of that name, or the root itself
        raw = paths[0] if source == "deepspparks-json" else args.root / entry["name"]
        try:
            microstructure = reader.read(raw if raw.exists() else args.root, entry["name"])
            graphs.append(k_hop_subgraph(time_steps.reduced(microstructure, kept), hops))
        except BadInput as reason:
            rejected.append((entry["name"], " ".join(str(reason).split())))
    shards.write(args.out, graphs)
    csv_table.write(args.rejected, ["file", "reason"], rejected)


if __name__ == "__main__":
    p = parser("graphs", __doc__)
    add_argument(p, '{"source": "spparks", "hops": 2, "time_steps": "first-last"}')
    p.add_argument("--name", required=True, help="dataset/shard, for progress lines")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the shard's raw files")
    p.add_argument("--root", type=Path, required=True, help="folder that the manifest's paths start from")
    p.add_argument("--out", type=Path, required=True, help="HDF5 shard of grain graphs")
    p.add_argument("--rejected", type=Path, required=True, help="CSV of rejected files and reasons")
    run(main, p)
