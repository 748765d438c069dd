"""Accept a data set unless too much of it was rejected as bad input, or nothing is left."""

import csv
import json
from pathlib import Path

from graincast.atomic import write_text
from graincast.microstructure import BadInput
from graincast.program import parser, run


def main(args) -> None:
    used, rejected = (len(list(csv.reader(path.open(encoding="utf-8")))) - 1 for path in (args.summary, args.rejected))
    total = used + rejected
    share = rejected / total if total else 0.0
    print(f"{args.name}: {rejected} of {total} microstructures rejected")
    if not used:
        raise BadInput(f"{args.name}: no usable microstructure among {total}; {args.rejected} has the reasons")
    if share > args.max_rejected:
        raise BadInput(
            f"{args.name}: {rejected} of {total} microstructures rejected ({share:.1%}), more than max_rejected "
            f"({args.max_rejected:.1%}); {args.rejected} has the reasons: mend the data or raise "
            f"datasets.{args.name}.max_rejected"
        )
    write_text(args.out, json.dumps({"used": used, "rejected": rejected}) + "\n")


if __name__ == "__main__":
    p = parser("accept", __doc__)
    p.add_argument("--name", required=True, help="the data set's name")
    p.add_argument("--summary", type=Path, required=True, help="CSV of microstructures")
    p.add_argument("--rejected", type=Path, required=True, help="CSV of rejected input")
    p.add_argument("--max-rejected", type=float, required=True, help="largest share that may be rejected")
    p.add_argument("--out", type=Path, required=True, help="JSON with the counts; not written if refused")
    run(main, p)
