"""Apply a trained model to maps: a probability for each candidate grain, as tables, pictures and files for ParaView.

Nothing is trained. What is written: graincast/prediction/predict.py.
"""

import argparse
from pathlib import Path

from graincast.experiment.find_model import find
from graincast.prediction.predict import predict
from graincast.program import extensions
from graincast.program.main import parser, run
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    given = args.recipe.take("reading", optional=("threshold", "model"))
    model = find(args.model)
    predict(model, args.data, given["reading"], args.out, given.get("threshold"), args.extensions)


if __name__ == "__main__":
    p = parser("predict", __doc__)
    add_argument(p, '{"reading": {"source": "label-image", "types": {"by": "fraction", "red": 0.2, "seed": 1}}}')
    p.add_argument("--model", required=True, help="a trained model's file, or an experiment")
    p.add_argument("--data", type=Path, required=True, help="file or folder of raw data")
    extensions.add_argument(p)
    p.add_argument("--out", type=Path, required=True, help="folder to write")
    run(main, p)
