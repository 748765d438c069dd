"""Train an encoder of grain and boundary patches on a data set's grain graphs, without growth results."""

import argparse
import importlib
from pathlib import Path
from types import ModuleType

import numpy as np
from threadpoolctl import threadpool_limits

from graincast.encoders import stream, trained
from graincast.encoders.patches import KINDS
from graincast.files import csv_table, declaration, hdf5
from graincast.files.atomic import whole
from graincast.files.declaration import check_keys
from graincast.microstructure import BadInput
from graincast.program import threads
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument

SAMPLES = 8  # patches of each kind that are stored with their reconstructions
SHOWN = 4  # numbers of components they are reconstructed with, at most


def main(args: argparse.Namespace) -> None:
    encoder = args.recipe.parameters
    check(args.recipe.path, encoder)
    method = importlib.import_module(f"graincast.encoders.{encoder['method']}")
    divided = stream.divided(stream.read(args.graphs), encoder["validation"])
    samples = {kind: sampled(divided, kind, encoder["max_patches"]) for kind in KINDS}
    total = sum(method.total_steps(*both, encoder) for both in samples.values())
    progress = Progress(f"encoder {args.name}", total, "patches")
    with threadpool_limits(args.threads):
        threads.limit(args.threads)
        encoders = {}
        for kind, (train, validation) in samples.items():

            def advance(amount: int, note: str, kind: str = kind) -> None:
                progress.advance(amount, f"{kind}: {note}" if note else kind)

            checkpoint = args.checkpoints and args.checkpoints / f"{kind}.pt"
            encoders[kind] = method.train(
                train, validation, encoder, advance=advance, device=args.device, checkpoint=checkpoint
            )
        examples = {
            kind: reconstructed(samples[kind][1], encoder, one, method, args.device) for kind, one in encoders.items()
        }
    write(args.out, encoder, encoders, examples)
    if args.checkpoints and args.checkpoints.is_dir():
        for kind in KINDS:
            (args.checkpoints / f"{kind}.pt").unlink(missing_ok=True)
        if not any(args.checkpoints.iterdir()):
            args.checkpoints.rmdir()


def check(recipe: Path, encoder: dict) -> None:
    """Raise BadInput for an unknown method, or settings that are not those of the method."""
    folders = [Path(stream.__file__).parent]
    method, known = encoder.get("method"), declaration.names(folders)
    if method not in known:
        raise BadInput(f"{recipe}: method {method!r} is none of {', '.join(known)}")
    settings = declaration.read(method, folders)["settings"]
    check_keys(str(recipe), encoder, ["method", *settings], f"method {method}")
    for key, setting in settings.items():
        if encoder[key] not in setting.get("enum", [encoder[key]]):
            raise BadInput(f"{recipe}: {key} {encoder[key]!r} is none of {', '.join(setting['enum'])}")


def sampled(divided: tuple, kind: str, limit: int) -> tuple[stream.Sample, stream.Sample]:
    """The patches of a kind to train on, at most `limit`, and the same fraction of those held out."""
    train, validation = (stream.Sample(microstructures, kind) for microstructures in divided)
    for sample, what in ((train, "train on"), (validation, "validate with")):
        if not sample.total:
            count = len(sample.microstructures)
            raise BadInput(f"there is no {kind} to {what} among {count} microstructures; use more data")
    train = train.at_most(limit)
    return train, validation.like(train)


def reconstructed(
    sample: stream.Sample, encoder: dict, encoder_of_kind: trained.Trained, method: ModuleType, device: str
) -> dict[str, np.ndarray]:
    """Some held-out patches, and their reconstructions from a few numbers of components."""
    original = np.concatenate(list(sample.at_most(SAMPLES).batches(SAMPLES)))
    levels = [components for components, *_ in encoder_of_kind.errors if components]
    levels = sorted({levels[round(i)] for i in np.linspace(0, len(levels) - 1, SHOWN)})
    codecs = [method.codec(encoder, encoder_of_kind.model, components, device) for components in levels]
    decoded = np.stack([codec.decode(codec.encode(original)) for codec in codecs])
    reconstruction = np.round(255 * np.clip(decoded, 0, 1)).astype(np.uint8)
    return {"components": np.array(levels), "original": original, "reconstruction": reconstruction}


def write(out: Path, encoder: dict, encoders: dict[str, trained.Trained], examples: dict[str, dict]) -> None:
    """Write the folder whole: encoder.h5, errors.csv, history.csv, samples.h5."""
    with whole(out) as folder:
        folder.mkdir(parents=True)
        trained.write(folder / "encoder.h5", encoder, {kind: one.model for kind, one in encoders.items()})
        rows = [(kind, *row) for kind, one in encoders.items() for row in one.errors]
        csv_table.write(folder / "errors.csv", ["kind", "components", "train_error", "validation_error"], rows)
        rows = [(kind, i, *row) for kind, one in encoders.items() for i, row in enumerate(one.curves.tolist())]
        csv_table.write(folder / "history.csv", ["kind", "epoch", *trained.CURVES], rows)
        with hdf5.written(folder / "samples.h5", libver="latest") as file:
            for kind, arrays in examples.items():
                for name, array in arrays.items():
                    file.create_dataset(f"{kind}/{name}", data=array)


if __name__ == "__main__":
    p = parser("encoder", __doc__)
    add_argument(p, '{"method": "pca", "components": 32, "max_patches": 0, "validation": 0.1}')
    p.add_argument("--name", default="", help="dataset/encoder, for progress lines")
    p.add_argument("--graphs", type=Path, nargs="+", required=True, help="the data set's shards")
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="of an autoencoder")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--checkpoints", type=Path, help="folder for resuming, removed in the end")
    p.add_argument("--out", type=Path, required=True, help="folder for encoder.h5, errors.csv, history.csv, samples.h5")
    run(main, p)
