"""List the microstructures of a data set with grains, growth ratios and splits, and the input that was rejected."""

import argparse
from pathlib import Path

from graincast.experiment import splits
from graincast.files import csv_table
from graincast.graphs import shards
from graincast.program.main import parser, run
from graincast.program.progress import track
from graincast.program.recipe import add_argument
from graincast.raw.sources import numerical


def main(args: argparse.Namespace) -> None:
    columns = {path.stem: split_columns(path) for path in args.splits}
    rows = {}
    for path in track(args.graphs, f"summary {args.name}", len(args.graphs), "shards"):
        for one in shards.read(path):
            ratios = dict(zip(one.runs, one.candidate_growth_ratios.tolist(), strict=True))
            rows[one.name] = (one.group, one.grain_id.size, ratios, one.note)
    growth_runs = sorted({run for *_, ratios, _ in rows.values() for run in ratios}, key=numerical)
    grouped = any(group != name for name, (group, *_) in rows.items())
    header = ["microstructure", *(["group"] if grouped else []), "grains"]
    header += [f"cgr_{run}" for run in growth_runs]
    header += [f"{split}{suffix}" for split, (suffixes, _) in columns.items() for suffix in suffixes]
    noted = any(note for *_, note in rows.values())
    header += ["note"] if noted else []
    lines = []
    for name, (group, grains, ratios, note) in sorted(rows.items()):
        padded = [f"{ratios[run]:.6g}" if run in ratios else "" for run in growth_runs]
        subsets = [part for _, of in columns.values() for part in of[name]]
        lines.append([name, *([group] if grouped else []), grains, *padded, *subsets, *([note] if noted else [])])
    csv_table.write(args.out, header, lines)
    rejected = sorted(row for path in args.rejected for row in csv_table.rows(path))
    csv_table.write(args.out_rejected, ["file", "reason"], rejected)
    print(f"{args.name}: {len(rows)} microstructures, {len(rejected)} rejected{reasons(rejected, args.out_rejected)}")


def split_columns(path: Path) -> tuple[list[str], dict[str, list]]:
    """Column suffixes and each name's entries: its subset, or for k-fold the fold that tests it in each repeat."""
    names, folds = splits.read(path)
    if list(folds) == ["all"]:
        return [""], {name: [subset] for name, subset in zip(names, folds["all"], strict=True)}
    repeats = sorted({fold.partition("f")[0] for fold in folds}, key=lambda repeat: int(repeat[1:]))
    entries: dict[str, list] = {name: [] for name in names}
    for repeat in repeats:
        within = {fold.partition("f")[2]: subsets for fold, subsets in folds.items() if fold.startswith(f"{repeat}f")}
        for i, name in enumerate(names):
            entries[name].append(next(fold for fold, subsets in within.items() if subsets[i] == "test"))
    return [f".{repeat}" for repeat in repeats], entries


def reasons(rejected: list[list[str]], table: Path) -> str:
    if not rejected:
        return ""
    lines = [f"\n  {file}: {reason}" for file, reason in rejected[:10]] + ["\n  …"] * (len(rejected) > 10)
    return f" ({table})" + "".join(lines)


if __name__ == "__main__":
    p = parser("summarise", __doc__)
    add_argument(p)
    p.add_argument("--name", required=True, help="the data set's name")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--rejected", type=Path, nargs="+", required=True, help="the shards' tables of rejected input")
    p.add_argument("--splits", type=Path, nargs="*", default=[], help="the splits made of it")
    p.add_argument("--out", type=Path, required=True, help="CSV of microstructures")
    p.add_argument("--out-rejected", type=Path, required=True, help="CSV of rejected input")
    run(main, p)
