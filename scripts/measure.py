"""Measure trained trials on validation data: each fold's metrics, and their mean."""

import argparse
import json
from pathlib import Path

from graincast.evaluation.validation import measure
from graincast.experiment import validation_file
from graincast.experiment.record import read_record
from graincast.files.atomic import write_text
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    record = read_record(args.trained.parent, args.trained.name)
    true, predicted = validation_file.read(args.validation)
    trials = []
    for trial in record["trials"]:
        if trial["trial"] not in predicted:
            raise BadInput(f"{args.validation}: has no predictions of {trial['trial']}; remove it and run again")
        targets = validation_file.targets_of(true, trial["params"].get("threshold"))
        trials.append(measure(record["target"]["kind"], trial, targets, predicted[trial["trial"]]))
    write_text(args.out, json.dumps(record | {"trials": trials}, indent=1) + "\n")


if __name__ == "__main__":
    p = parser("measure", __doc__)
    add_argument(p)
    p.add_argument("--trained", type=Path, required=True, help="trained.json of a training job")
    p.add_argument("--validation", type=Path, required=True, help="its validation.h5")
    p.add_argument("--out", type=Path, required=True, help="trials.json")
    run(main, p)
