"""The test predictions of an experiment, as predictions.csv lists them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from graincast.evaluation import calibration
from graincast.files import csv_table


@dataclass(frozen=True)
class Predictions:
    """The n test predictions for one threshold, fold after fold.

    microstructure, grain, group, fold   str [n]; grain is "" where the candidate was predicted
    true, predicted                      float [n]: 0 or 1 and the probability; growth ratios; or classes
    """

    microstructure: np.ndarray
    grain: np.ndarray
    group: np.ndarray
    fold: np.ndarray
    true: np.ndarray
    predicted: np.ndarray

    @property
    def copies(self) -> float:
        """How often each grain or microstructure was tested."""
        return self.true.size / max(1, len(set(zip(self.microstructure, self.grain, strict=True))))

    def by_fold(self) -> dict[str, np.ndarray]:
        """The rows of each fold, bool [n] each."""
        return {fold: self.fold == fold for fold in dict.fromkeys(self.fold)}

    def calibrated(self, scalings: Mapping[str, calibration.Scaling | None]) -> np.ndarray:
        """The probabilities scaled by each fold's slope and intercept, float [n]; as they are where it has none."""
        scaled = self.predicted.copy()
        for fold, inside in self.by_fold().items():
            scaling = scalings.get(fold)
            if scaling:
                scaled[inside] = calibration.scaled(scaling, self.predicted[inside])
        return scaled


def read(path: Path, threshold: str) -> Predictions:
    """The test predictions for a threshold as it is written in the file; "" for targets without."""
    header, lines = csv_table.read(path)
    at = {name: header.index(name) for name in header}
    rows = [line for line in lines if line[at["threshold"]] == threshold and line[at["subset"]] == "test"]

    def texts(column: str) -> np.ndarray:
        return np.array([row[at[column]] for row in rows], object)

    true, predicted = np.array([row[-2:] for row in rows], float).reshape(-1, 2).T
    # results of earlier releases name no groups
    group = texts("group" if "group" in at else "microstructure")
    return Predictions(texts("microstructure"), texts("grain"), group, texts("fold"), true, predicted)
