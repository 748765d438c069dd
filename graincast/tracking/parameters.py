"""The parameters of trials as files, each a trial's own. A job's file is divided only where it holds several trials:
that takes torch, which takes longer to import than all else that is told of a short job.
"""

import pickle
import shutil
import zipfile
from dataclasses import dataclass
from pathlib import Path

from graincast.microstructure import BadInput


@dataclass(frozen=True)
class Parameters:
    """The models of a trial, one a fold.

    models  {fold: model}; where they are read without tensors, those are None
    file    the file that holds them and nothing else (None: they are written from `models`)
    trial   the name under which they stand in `file`
    """

    models: dict[str, dict]
    file: Path | None = None
    trial: str | None = None

    def save(self, path: Path) -> None:
        """Write them for torch.load: {fold: model}, or {trial: {fold: model}} where `trial` is given."""
        if self.file:
            shutil.copyfile(self.file, path)
            return
        import torch

        torch.save(self.models, path)


def of_job(path: Path, trials: list[str]) -> dict[str, Parameters]:
    """The parameters of a job's trials, by the trial's name. Raises BadInput."""
    if len(trials) == 1:
        models = without_tensors(path)
        if list(models) == trials:
            return {trial: Parameters(models[trial], path, trial) for trial in trials}
    from graincast.experiment.trained import read_models

    return {trial: Parameters(models) for trial, models in read_models(path).items()}


class _WithoutTensors(pickle.Unpickler):
    """Built-in types alone: storages, and all that is made of them, become None; nothing is imported."""

    def persistent_load(self, pid: object) -> None:
        return None

    def find_class(self, module: str, name: str) -> object:
        return dict if name == "OrderedDict" else lambda *_: None


def without_tensors(path: Path) -> dict:
    """What torch.save wrote, with None for each tensor. Raises BadInput."""
    try:
        with zipfile.ZipFile(path) as archive:
            (name,) = (name for name in archive.namelist() if name.endswith("/data.pkl"))
            with archive.open(name) as file:
                return _WithoutTensors(file).load()
    except (zipfile.BadZipFile, pickle.UnpicklingError, ValueError, EOFError):
        raise BadInput(f"{path}: not a file of trained models; remove it and run again") from None
