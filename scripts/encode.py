"""Encode all grains and boundaries of a data set with a trained encoder."""

import argparse
import importlib
from pathlib import Path

from threadpoolctl import threadpool_limits

from graincast.encoders import codes, trained
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument


def main(args: argparse.Namespace) -> None:
    encoder, models = trained.read(args.encoder)
    method = importlib.import_module(f"graincast.encoders.{encoder['method']}")
    try:
        encode = {
            kind: method.codec(encoder, model, args.components, args.device).encode for kind, model in models.items()
        }
    except BadInput as error:
        raise BadInput(f"{args.encoder}: {error}") from None
    total = len(shards.names(args.graphs))
    if not total:
        raise BadInput(f"{args.graphs[0]}: no microstructure in any of the shards; check the data set")
    progress = Progress(f"encode {args.name}", total, "microstructures")
    parts = []
    with threadpool_limits(args.threads):
        if encoder["method"] != "pca":
            importlib.import_module("torch").set_num_threads(args.threads)
        for path in args.graphs:
            # one microstructure at a time: in a larger batch, a code's last digits would depend on the others
            for one in shards.read(path):
                parts.append((one.name, *codes.encode_microstructure(one, encode)))
                progress.advance()
    codes.write(args.out, codes.assemble(parts))


if __name__ == "__main__":
    p = parser("encode", __doc__)
    add_argument(p)
    p.add_argument("--name", default="", help="dataset/encoder, for progress lines")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--encoder", type=Path, required=True, help="encoder.h5")
    p.add_argument("--components", type=int, required=True, help="how many of its components; an autoencoder's are all")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="of an autoencoder")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--out", type=Path, required=True, help="HDF5 file of codes")
    run(main, p)
