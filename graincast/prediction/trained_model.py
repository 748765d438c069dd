"""A trained model: the ensemble of networks or estimators that evaluation chose, in one file.

The file is HDF5 (files/nested.py), attributes format = "graincast model", version = 1; reading it runs no code.

    models/{threshold}/{fold}   parameters and normalisation; threshold "-" where the target has none; of an ensemble,
                                the same of each member (models/ensemble.py)
    ranges/nodes, ranges/edges  float64 [columns, 2], smallest and largest value of each feature in training
    ranges/node_means           float64 [columns, 2], the same of its mean over the grains of each microstructure
    ranges/spacing              float64 [2], distance of neighbouring sites, µm; NaN if unknown
    about                       model, target, features (nodes, edges), network and classes of images, raw (how a raw
                                file becomes what the model takes; null if that needs more than the file),
                                experiment, dataset, fingerprint, metrics on test data by threshold, requirements, and
                                calibration: slope and intercept by threshold and fold (evaluation/calibration.py);
                                predictions are not scaled by it
"""

import importlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from graincast.experiment.trained import REFITTED
from graincast.files import hdf5, nested
from graincast.microstructure import BadInput
from graincast.prediction.columns import OUTPUT

if TYPE_CHECKING:
    import pandas as pd

FORMAT: hdf5.Format = {"format": "graincast model", "version": 1}
NO_THRESHOLD = "-"


class TrainedModel:
    """A model at one threshold; its predictions are averaged over the folds that it was trained on.

    about    what it is, see above
    models   parameters and normalisation of each fold
    ranges   of its features in training
    """

    def __init__(self, about: dict, models: Mapping[str, dict], ranges: dict, extensions: Sequence[Path] = ()) -> None:
        from graincast.models import by_name
        from graincast.program.extensions import install

        install(extensions)
        self.about, self.models, self.ranges, self._extensions = about, models, ranges, extensions
        self._module = by_name.load(about["model"], extensions)

    def predict(self, data: "pd.DataFrame | str | os.PathLike | Sequence[str | os.PathLike]") -> "pd.DataFrame":
        """Predictions, one row per microstructure, or per grain if the model predicts all grains.

        data  a raw file or folder, a list of them, or a frame: with a column `path` of raw files and folders, with one
              row per grain or with one row per image (see frames.py)
        Returns the columns microstructure, grain (for all grains) and OUTPUT of the kind of target.
        Raises BadInput for what is none of these.
        """
        import pandas as pd  # takes longer than evaluating a model, which needs none

        kind = self.about["target"]["kind"]
        names, table, grains = self._table(data)
        by_fold = self.by_fold(table)
        known = by_fold != -np.inf  # the score of a class is -inf for a fold that was not trained on it
        values = np.where(known, by_fold, 0).sum(axis=0) / np.maximum(1, known.sum(axis=0))
        if kind == "label":
            values = np.array(self.about["classes"])[np.where(known.any(axis=0), values, -np.inf).argmax(axis=1)]
        if self.about["target"].get("grains") == "all":
            owners = np.repeat(names, [len(numbers) for numbers in grains])
            return pd.DataFrame({"microstructure": owners, "grain": np.concatenate(grains), OUTPUT[kind]: values})
        return pd.DataFrame({"microstructure": names, OUTPUT[kind]: values})

    def by_fold(self, table: Any) -> np.ndarray:
        """The predictions of each fold's model for a table, float64 [folds, g], or [folds, N] for all grains."""
        from graincast.models import ensemble

        return np.stack([ensemble.predict(self._module, model, table) for model in self.models.values()])

    def _table(self, data: Any) -> tuple[list[str], Any, list[np.ndarray]]:
        import pandas as pd

        from graincast.prediction import frames

        features, raw = self.about["features"], self.about["raw"]
        if not isinstance(data, pd.DataFrame):
            data = pd.DataFrame({"path": [data] if isinstance(data, str | os.PathLike) else list(data)})
        if "path" in data and (data["path"].notna().any() or "microstructure" not in data):
            if not len(data) or data["path"].isna().any():
                raise BadInput("the column path lacks values; pass a raw file or folder in each row")
            if not raw:
                raise BadInput(f"path: this model cannot read raw files, {self.about['why_not_raw']}")
            # by name: an edited reader changes what reads raw files, not what was evaluated
            raw_files = importlib.import_module("graincast.prediction.raw_files")
            paths = [str(path) for path in data["path"]]
            return raw_files.read(paths, raw, self._extensions)
        if self.about["network"]:
            return *frames.of_images(data, features["nodes"], self.about["network"]), []
        return frames.of_grains(data, features["nodes"], features["edges"])


def write(path: str | os.PathLike, about: dict, models: Mapping[str, Mapping[str, dict]], ranges: dict) -> None:
    """Write a trained model's file whole. models: {threshold as text, "" without one: {fold: model}}."""
    by_threshold = {threshold or NO_THRESHOLD: dict(folds) for threshold, folds in models.items()}
    nested.write(path, FORMAT, {"models": by_threshold, "ranges": ranges}, about)


def describe(path: str | os.PathLike) -> dict:
    """What a trained model's file says of itself, see above. Raises BadInput if the file is none."""
    return nested.read(path, FORMAT)[1]


def thresholds(path: str | os.PathLike) -> list[str]:
    """The thresholds of a trained model's file; [""] where its target has none. Raises BadInput."""
    found = nested.read(path, FORMAT)[0]["models"]
    return ["" if name == NO_THRESHOLD else name for name in found]


def load(
    path: str | os.PathLike,
    threshold: float | str | None = None,
    extensions: Sequence[str | os.PathLike] = (),
    *,
    refitted: bool = True,
) -> TrainedModel:
    """A trained model from its file, such as results/experiments/sgc/model.h5.

    threshold   of the growth ratio, where the file holds models for several
    extensions  the folders with the model and the features, where they are not graincast's own
    refitted    whether models that were fitted to validation data too take the place of those that were not
    Raises BadInput if the file is none of a trained model, or does not hold the threshold.
    """
    content, about = nested.read(path, FORMAT)
    models = content["models"]
    wanted = next(iter(models)) if threshold is None and len(models) == 1 else _text(threshold)
    if wanted not in models and NO_THRESHOLD in models:
        raise BadInput(f"{path}: its target has no threshold; leave it out")
    if wanted not in models:
        raise BadInput(f"{path}: holds models for the thresholds {', '.join(models)}; name one of them")
    folders = [Path(one) for one in ([extensions] if isinstance(extensions, str | os.PathLike) else extensions)]
    try:
        of_folds = {fold: one.get(REFITTED, one) if refitted else one for fold, one in models[wanted].items()}
        return TrainedModel(about, of_folds, content["ranges"], folders)
    except BadInput as error:
        if folders or not about["extensions"]:
            raise
        names = ", ".join(about["extensions"])
        raise BadInput(f"{path}: {error}; name the folders of its extensions ({names}): extensions=[…]") from None


def _text(threshold: float | str | None) -> str:
    from graincast.experiment.grid import number

    try:
        return NO_THRESHOLD if threshold in (None, "") else number(float(threshold))
    except ValueError:
        return str(threshold)
