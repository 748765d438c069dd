"""Write a trained model's card: what it is, learned from and reached, its limits, and how to load it."""

import argparse
import json
from pathlib import Path

from graincast.features.named import tables
from graincast.files import csv_table, nested
from graincast.files.atomic import write_text
from graincast.prediction import model_card, trained_model
from graincast.program import cost, extensions
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    if args.recipe:
        args.recipe.take()
    extensions.install(args.extensions)
    content, about = nested.read(args.model, trained_model.FORMAT)
    result = json.loads(args.metrics.read_text(encoding="utf-8"))
    ceiling = json.loads(args.ceiling.read_text(encoding="utf-8")) if args.ceiling else None
    spent = args.metrics.with_name(cost.FILE)
    commit = json.loads(spent.read_text(encoding="utf-8")).get("commit", "") if spent.is_file() else ""
    trials = csv_table.records(args.trials)
    text = model_card.text(about, content["ranges"], result, trials, ceiling, commit, tables(args.extensions))
    write_text(args.out, text)


if __name__ == "__main__":
    p = parser("model_card", __doc__)
    add_argument(p, "{}", required=False)
    extensions.add_argument(p)
    p.add_argument("--model", type=Path, required=True, help="the trained model's file, model.h5")
    p.add_argument("--metrics", type=Path, required=True, help="the experiment's test_metrics.json")
    p.add_argument("--trials", type=Path, required=True, help="the experiment's trials.csv")
    p.add_argument("--ceiling", type=Path, help="the data set's ceiling.json")
    p.add_argument("--out", type=Path, required=True, help="Markdown")
    run(main, p)
