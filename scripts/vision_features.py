"""Compute vision features: a data set's microstructures, or its labelled images, through a vision network."""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import torch

from graincast.files import csv_table
from graincast.graphs import rejection, shards
from graincast.microstructure import BadInput
from graincast.program.main import parser, run
from graincast.program.progress import Progress
from graincast.program.recipe import add_argument
from graincast.raw import manifest
from graincast.training.device import device_of
from graincast.vision import images, labelled, table, vgg16

SHOWN = 5  # reasons of rejection in the log


def main(args: argparse.Namespace) -> None:
    torch.set_num_threads(args.threads)
    device = device_of(args.device)
    given = args.recipe.take("network", optional=("crop", "size", "batch", "max_rejected"))
    settings = {"crop": None, "size": images.SIZE, "batch": vgg16.BATCH, **given}
    if args.images and settings["crop"] is not None:
        raise BadInput(f"{args.recipe.path}: crop: {settings['crop']} has no effect on labelled images; set it to null")
    module, network = vgg16.load(settings["network"] | ({"path": args.weights} if args.weights else {}))
    module.to(device)

    def compute(pictures: Iterator[np.ndarray], advance: Callable[[int], None]) -> np.ndarray:
        return vgg16.features(module, pictures, device, settings["batch"], advance)

    features = (of_graphs if args.graphs else of_images)(args, settings, network, compute)
    table.write(args.out, features)
    print(f"{args.name}: {len(features.name)} images, {network}")


def of_graphs(args: argparse.Namespace, settings: dict, network: str, compute: Callable) -> table.VisionTable:
    """The table of the microstructures of some shards."""
    total = len(shards.names(args.graphs))
    rejected = sum(len(csv_table.rows(path)) for path in args.graphs_rejected)
    rejection.check_before(args.name, args.name.partition("/")[0], total, rejected, args.max_rejected)
    names, groups, ratios = [], [], []

    def pictures() -> Iterator[np.ndarray]:
        for path in args.graphs:
            for graph in shards.read(path):
                names.append(graph.name)
                groups.append(graph.group)
                ratios.append(graph.candidate_growth_ratios)
                yield images.of_microstructure(graph, settings["crop"], settings["size"])

    x = compute(pictures(), Progress(f"vision {args.name}", total, "images").advance)
    write_rejected(args.rejected, [])  # microstructures were rejected when the graphs were made
    return table.of_microstructures(names, groups, network, x, ratios)


def of_images(args: argparse.Namespace, settings: dict, network: str, compute: Callable) -> table.VisionTable:
    """The table of the labelled images of some manifests; what cannot be used is listed in args.rejected."""
    entries = sorted((entry for path in args.images for entry in manifest.read(path)), key=lambda entry: entry["name"])
    progress = Progress(f"vision {args.name}", len(entries), "images")
    names, classes, rejected = [], [], []

    def pictures() -> Iterator[np.ndarray]:
        for entry in entries:
            reason = manifest.reason_of(entry)
            if reason is None:
                path = unchanged(entry, args.root)
                try:
                    label, picture = labelled.class_of(path.name), images.from_file(path, settings["size"])
                except BadInput as error:
                    reason = str(error)
            if reason is not None:
                rejected.append((entry["name"], manifest.printable(" ".join(reason.split()))))
                progress.advance()
                continue
            names.append(entry["name"])
            classes.append(label)
            yield picture

    x = compute(pictures(), progress.advance)
    write_rejected(args.rejected, rejected)
    for name, reason in rejected[:SHOWN]:
        print(f"rejected: {name}: {reason}", file=sys.stderr)
    dataset, _, name = args.name.partition("/")
    rejection.check(dataset, len(names), len(rejected), args.max_rejected, f"features/{name}.rejected.csv")
    return table.of_labelled(names, network, x, classes)


def write_rejected(path: Path | None, rejected: list[tuple[str, str]]) -> None:
    if path:
        csv_table.write(path, ["file", "reason"], rejected)


def unchanged(entry: dict, root: Path) -> Path:
    """The file of a manifest's image. Raises BadInput where its content is not that of the manifest."""
    (file,) = entry["files"]
    if manifest.sha256(root / file["path"]) != file["sha256"]:
        raise BadInput(f"{root / file['path']}: changed while the workflow was running; run it again")
    return root / file["path"]


if __name__ == "__main__":
    p = parser("vision_features", __doc__)
    add_argument(p, '{"crop": null, "size": 224, "network": {"random": 0}}')
    p.add_argument("--name", required=True, help="dataset/vision set, for progress lines")
    given = p.add_mutually_exclusive_group(required=True)
    given.add_argument("--graphs", type=Path, nargs="+", help="the data set's shards")
    given.add_argument("--images", type=Path, nargs="+", help="a data set of labelled images: its manifests")
    p.add_argument("--root", type=Path, default=Path(), help="folder that the manifests' paths start from")
    p.add_argument("--graphs-rejected", type=Path, nargs="*", default=[], help="the shards' tables of rejected input")
    p.add_argument("--max-rejected", type=float, default=1, help="largest fraction that may be rejected")
    p.add_argument("--weights", type=Path, help="file of weights, in place of the network's path")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--device", choices=["auto", "cpu", "cuda"], default="auto", help="where the network runs")
    p.add_argument("--out", type=Path, required=True, help="HDF5 table of features")
    p.add_argument("--rejected", type=Path, help="CSV of rejected images and reasons, for labelled images")
    run(main, p)
