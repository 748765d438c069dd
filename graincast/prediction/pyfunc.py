"""A trained model as MLflow serves it. This file works where the project is not installed.

The sources it needs are an artifact, and are used if no `graincast` can be imported; a process that loads several
models uses those of the first, and adds what these lack. Input and output: see graincast/prediction/trained_model.py.
"""

import atexit
import importlib
import importlib.util
import shutil
import sys
import tempfile
import zipfile
from pathlib import Path

import pandas as pd
from mlflow.models import set_model
from mlflow.pyfunc.model import PythonModel, PythonModelContext

UNPACKED = "graincast-served-"
"""The prefix of folders with unpacked sources."""


class Served(PythonModel):
    def load_context(self, context: PythonModelContext) -> None:
        settings = context.model_config
        folder = Path(tempfile.mkdtemp(prefix=UNPACKED))  # unpacked, as numba caches compiled code beside sources
        atexit.register(shutil.rmtree, folder, ignore_errors=True)
        with zipfile.ZipFile(context.artifacts["sources"]) as sources:
            sources.extractall(folder)
        spec = importlib.util.find_spec("graincast")
        if spec is None or spec.origin is None:  # a folder of that name, such as a clone, is not the package
            sys.modules.pop("graincast", None)
            sys.path.append(str(folder))
        packages = {"graincast", *settings["extensions"]}
        for name, module in list(sys.modules.items()):
            paths = getattr(module, "__path__", ()) if name.partition(".")[0] in packages else ()
            if any(UNPACKED in path for path in paths):
                module.__path__.append(str(folder.joinpath(*name.split("."))))
        importlib.invalidate_caches()
        trained_model = importlib.import_module("graincast.prediction.trained_model")
        extensions = [folder / name for name in settings["extensions"]]
        self.model = trained_model.load(context.artifacts["model"], settings["threshold"] or None, extensions)

    def predict(
        self, context: PythonModelContext, model_input: pd.DataFrame, params: dict | None = None
    ) -> pd.DataFrame:
        return self.model.predict(model_input)


set_model(Served())
