"""The parameters of each trial as a file. A job's file is only split if it holds several trials: splitting needs
torch, whose import takes longer than everything else that is logged for a short job.
"""

import pickle
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from graincast.microstructure import BadInput


@dataclass(frozen=True)
class Parameters:
    """The models of a trial, one per fold.

    models  {fold: model}; tensors are None if they were not read
    file    a file with these models only (None: they are written from `models`)
    trial   the trial's name in `file`
    """

    models: dict[str, dict]
    file: Path | None = None
    trial: str | None = None

    def save(self, path: Path) -> None:
        """Write them for torch.load: {fold: model}, or {trial: {fold: model}} if they come from `file`."""
        if self.file:
            shutil.copyfile(self.file, path)
            return
        import torch

        torch.save(self.models, path)


def read_parameters(path: Path, trials: list[str]) -> dict[str, Parameters]:
    """The parameters of a job's trials, by trial name. Raises BadInput."""
    if len(trials) == 1:
        models = read_without_tensors(path)
        if list(models) == trials:
            return {trial: Parameters(models[trial], path, trial) for trial in trials}
    from graincast.experiment.trained import read_models

    return {trial: Parameters(models) for trial, models in read_models(path).items()}


class _WithoutTensors(pickle.Unpickler):
    """Reads built-in types only: tensors and their storages become None, and nothing is imported."""

    def persistent_load(self, pid: object) -> None:
        return None

    def find_class(self, module: str, name: str) -> object:
        return dict if name == "OrderedDict" else lambda *_: None


def read_without_tensors(path: Path) -> dict:
    """The content of a file written by torch.save, with None for each tensor. Raises BadInput."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as file:
                return _WithoutTensors(file).load()
    except (zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError):
        raise BadInput(f"{path}: not a file of trained models; remove it and run again") from None
