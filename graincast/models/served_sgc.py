"""A trained SGC as MLflow serves it: complete in this file, with nothing of the project on the path.

Input: one row a microstructure, the candidate's features averaged K times over neighbours (columns named after the
features) and the same average of ones (column `weight`); see graincast/propagation.py. Output: the probability of
abnormal growth, averaged over the models of all partitions.
"""

import json
from pathlib import Path

import mlflow.pyfunc
import numpy as np
import pandas as pd
from mlflow.models import set_model


class ServedSGC(mlflow.pyfunc.PythonModel):
    def load_context(self, context) -> None:
        self.models = json.loads(Path(context.artifacts["parameters"]).read_text(encoding="utf-8"))

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        probabilities = []
        for model in self.models:
            z = model_input[model["columns"]].to_numpy(float)
            x = (z - model_input[["weight"]].to_numpy(float) * model["mean"]) / model["std"]
            score = x @ np.array(model["weight"]) + model["bias"]
            probabilities.append(1 / (1 + np.exp(score[:, 0] - score[:, 1])))
        return pd.DataFrame({"probability_abnormal": np.mean(probabilities, axis=0)})


set_model(ServedSGC())
