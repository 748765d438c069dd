"""A trained model as MLflow serves it: complete in this file, with nothing of the project on the path.

The project's own sources that it takes lie beside it in graincast.zip; they are used where no `graincast` can be
imported. What goes in and comes out: graincast/prediction/predict.py.
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

import mlflow.pyfunc
import pandas as pd
import torch
from mlflow.models import set_model


class Served(mlflow.pyfunc.PythonModel):
    def load_context(self, context) -> None:
        found = importlib.util.find_spec("graincast")
        if found is None or found.origin is None:  # a folder of that name, such as a clone's, is no package
            sys.modules.pop("graincast", None)
            folder = tempfile.mkdtemp(prefix="graincast-")  # unpacked: what numba compiles is kept beside the sources
            atexit.register(shutil.rmtree, folder, ignore_errors=True)
            with zipfile.ZipFile(context.artifacts["sources"]) as sources:
                sources.extractall(folder)
            sys.path.append(folder)
            importlib.invalidate_caches()
        self.serving = importlib.import_module("graincast.prediction.predict")
        self.about = json.loads(Path(context.artifacts["about"]).read_text(encoding="utf-8"))
        models = torch.load(context.artifacts["parameters"], weights_only=True)
        self.models = models[self.about["trial"]] if self.about["trial"] else models

    def predict(self, context, model_input: pd.DataFrame, params: dict | None = None) -> pd.DataFrame:
        return self.serving.predict(model_input, self.about, self.models)


set_model(Served())
