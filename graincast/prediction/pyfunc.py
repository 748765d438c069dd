"""A trained model as MLflow serves it. This file works where the project is not installed.

The sources it needs are beside it in graincast.zip, and are used if no `graincast` can be imported. Input and output:
see graincast/prediction/predict.py.
"""

import atexit
import importlib
import importlib.util
import json
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
import torch
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext


class Served(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        spec = importlib.util.find_spec("graincast")
        if spec is None or spec.origin is None:  # a folder of that name, such as a clone, is not the package
            sys.modules.pop("graincast", None)
            folder = tempfile.mkdtemp(prefix="graincast-")  # unpacked, as numba caches compiled code beside the sources
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            with zipfile.ZipFile(context.artifacts["sources"]) as sources:
                sources.extractall(folder)
            sys.path.append(folder)
            importlib.invalidate_caches()
        self.serving = importlib.import_module("graincast.prediction.predict")
        self.about = json.loads(Path(context.artifacts["about"]).read_text(encoding="utf-8"))
        models = torch.load(context.artifacts["parameters"], weights_only=True)
        self.models = models[self.about["trial"]] if self.about["trial"] else models

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame:
        return self.serving.predict(model_input, self.about, self.models)


set_model(Served())
