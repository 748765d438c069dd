"""Read the raw runs of one shard into grain graphs; what cannot be used goes into a table with its reason."""

from pathlib import Path

from graincast.files import csv_table
from graincast.graphs import shards, time_steps
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.microstructure import BadInput
from graincast.program.main import json_with, parser, run
from graincast.program.progress import track
from graincast.raw import deepspparks, manifest, spparks

READ = {"deepspparks-json": deepspparks.read, "spparks": spparks.read, "simulate": spparks.read}


def main(args) -> None:
    time_steps.check(args.keep["time_steps"])
    runs = manifest.read(args.manifest)
    found, rejected = [], []
    for entry in track(runs, f"graphs {args.name}", len(runs), "files"):
        if "same_as" in entry:
            rejected.append((entry["name"], f"the same content as {entry['same_as']}"))
            continue
        paths = [args.root / file["path"] for file in entry["files"]]
        changed = [p for p, file in zip(paths, entry["files"], strict=True) if manifest.sha256(p) != file["sha256"]]
        if changed:
            raise BadInput(f"{changed[0]}: changed while the workflow was running; run it again")
        # a JSON graph is its file, a SPPARKS run the folder of that name (or the root itself)
        raw = paths[0] if args.source == "deepspparks-json" else args.root / entry["name"]
        try:
            whole = READ[args.source](raw if raw.exists() else args.root, entry["name"])
            found.append(k_hop_subgraph(time_steps.reduced(whole, args.keep["time_steps"]), args.cut["hops"]))
        except BadInput as reason:
            rejected.append((entry["name"], " ".join(str(reason).split())))
    shards.write(args.out, found)
    csv_table.write(args.rejected, ["file", "reason"], rejected)


if __name__ == "__main__":
    p = parser("graphs", __doc__)
    p.add_argument("--name", required=True, help="dataset/shard, for progress lines")
    p.add_argument("--manifest", type=Path, required=True, help="JSON list of the shard's raw files")
    p.add_argument("--root", type=Path, required=True, help="folder that the manifest's paths start from")
    p.add_argument("--source", choices=READ, required=True, help="format of the raw data")
    p.add_argument(
        "--cut", type=json_with("hops"), default={"hops": None}, help='hop radius to cut to: {"hops": 2} or null'
    )
    p.add_argument(
        "--keep",
        type=json_with("time_steps"),
        default={"time_steps": time_steps.ALL},
        help='records to keep: {"time_steps": "first-last"}, or "all", {"evenly": 5}, {"times": [500]}',
    )
    p.add_argument("--out", type=Path, required=True, help="HDF5 shard of grain graphs")
    p.add_argument("--rejected", type=Path, required=True, help="CSV of rejected files and reasons")
    run(main, p)
