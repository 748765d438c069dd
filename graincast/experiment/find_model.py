"""The file of a trained model by the name of its experiment, or by its own path."""

from pathlib import Path

import h5py

from graincast.files.expansion import expand
from graincast.microstructure import BadInput

EXPERIMENTS, FILE = Path("results/experiments"), "model.h5"


def find(model: str) -> Path:
    """The file of a trained model. Raises BadInput where there is none; nothing is trained.

    model  an experiment of results/, or a file, or a folder that holds model.h5
    """
    path = expand(model, "model")
    if path.is_file():
        if not h5py.is_hdf5(path):
            raise BadInput(f"model {model}: no trained model; give a model.h5 or the name of an experiment")
        return path
    for folder in (path, EXPERIMENTS / model):
        if (folder / FILE).is_file():
            return folder / FILE
    if path.suffix or len(path.parts) > 1:
        raise BadInput(f"model {model}: no such file; give a trained model's file or the name of an experiment")
    there = sorted(found.parent.name for found in EXPERIMENTS.glob(f"*/{FILE}"))
    raise BadInput(
        f"model {model}: {EXPERIMENTS / model / FILE} is not there; train the experiment first (make)"
        + (f", or name one of {', '.join(there)}" if there else "")
    )
