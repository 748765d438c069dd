"""Trained models in MLflow's form: served by graincast/models/served.py, with the sources that it takes in a zip.

MLflow's folder of a model is made once a process for each kind of input, and copied for each trial.
"""

import functools
import importlib.metadata
import io
import json
import logging
import shutil
import tempfile
import warnings
import zipfile
from pathlib import Path

import mlflow.pyfunc
import pandas as pd
import torch
from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Run
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, DataType

from graincast.microstructure import BadInput
from graincast.serving import LENGTHS, OUTPUT
from graincast.source_files import closure

ROOT = Path(__file__).parents[2]
SERVED = ("sgc", "gat")
"""The models that graincast/serving.py reads input for; of the others the parameters alone are kept."""
PACKAGES = ("mlflow", "numpy", "pandas", "scipy", "torch", "h5py", "numba")
MORE = {"gat": ("torch_geometric",)}
EPOCH = (1980, 1, 1, 0, 0, 0)


def log_model(
    client: MlflowClient, run: Run, record: dict, threshold: str | float | None, about: dict, models: dict[str, dict]
) -> LoggedModel | None:
    """Log the models of all partitions as one that averages them. Returns None where it can only be kept as a file.

    record     of the job or the experiment: model, columns, target
    models     {partition: parameters}
    """
    run_id = run.info.run_id
    with tempfile.TemporaryDirectory() as temporary:
        if not is_served(record["model"], models):
            path = Path(temporary, "parameters.pt")
            torch.save(models, path)
            client.log_artifact(run_id, str(path))
            client.set_tag(run_id, "graincast.served", "false")
            return None
        folder = Path(temporary, "model")
        spec = description(record, threshold, about)
        shutil.copytree(_template(record["model"], tuple(record["columns"]), spec["kind"]), folder)
        torch.save(models, folder / "artifacts" / "parameters.pt")
        (folder / "artifacts" / "about.json").write_text(json.dumps(spec, indent=1), encoding="utf-8")
        logged = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id)
        described = Model.load(str(folder))
        described.model_id, described.run_id = logged.model_id, run_id
        described.model_uuid, described.artifact_path = logged.model_id, logged.artifact_location
        for artifact in described.flavors["python_function"]["artifacts"].values():
            artifact["uri"] = artifact["path"]  # and no path of this machine
        described.save(str(folder / "MLmodel"))
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client.log_model_artifacts(logged.model_id, str(folder))
        return client.finalize_logged_model(logged.model_id, "READY")


def is_served(model: str, models: dict[str, dict]) -> bool:
    """Whether there is a reader for what a model takes: plain features of nodes, and boundary lengths."""
    plain = all(one.get("edge_columns", [LENGTHS]) == [LENGTHS] for one in models.values())
    return model in SERVED and plain


def description(record: dict, threshold: str | float | None, about: dict) -> dict:
    """What graincast/serving.py has to know of a model."""
    target = record["target"]
    return {
        "model": record["model"],
        "columns": list(record["columns"]),
        "kind": target.get("kind", "abnormal"),
        "grains": target.get("grains", "candidate"),
        "threshold": None if threshold is None else float(threshold),
        "recipe": about.get("recipe"),
    }


@functools.cache
def _folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="graincast-models-")


@functools.cache
def _template(model: str, columns: tuple[str, ...], kind: str) -> Path:
    """MLflow's folder of a model without parameters."""
    folder = Path(tempfile.mkdtemp(dir=_folder().name))
    artifacts = {}
    for key, name in (("parameters", "parameters.pt"), ("about", "about.json"), ("sources", "graincast.zip")):
        artifacts[key] = str(folder / name)
        Path(artifacts[key]).write_bytes(packed(model) if key == "sources" else b"")
    versions = {name: importlib.metadata.version(name).partition("+")[0] for name in PACKAGES + MORE.get(model, ())}
    pinned = [f"{name}=={version}" for name, version in versions.items()]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)
        try:
            mlflow.pyfunc.save_model(
                path=str(folder / "model"),
                python_model=str(ROOT / "graincast" / "models" / "served.py"),
                artifacts=artifacts,
                signature=signature(columns, kind),
                input_example=example(columns),
                pip_requirements=pinned,
            )
        finally:
            logging.disable(logging.NOTSET)
    return folder / "model"


def signature(columns: tuple[str, ...], kind: str) -> ModelSignature:
    """Either form of input that graincast/serving.py takes, so that no column is required by itself."""
    fixed = {
        "path": DataType.string,
        "microstructure": DataType.string,
        "grain": DataType.long,
        "candidate": DataType.boolean,
        "neighbours": Array(DataType.long),
        LENGTHS: AnyType(),  # MLflow refuses whole numbers where it was told of floats
    }
    kinds = fixed | {column: AnyType() for column in columns}
    inputs = Schema([ColSpec(kind, name, required=False) for name, kind in kinds.items()])
    outputs = [ColSpec(DataType.string, "microstructure"), ColSpec(DataType.double, OUTPUT[kind])]
    return ModelSignature(inputs, Schema(outputs))


def example(columns: tuple[str, ...]) -> pd.DataFrame:
    """A made-up microstructure: a candidate among three grains that touch one another."""
    grains = [1, 2, 3, 4]
    near = [[other for other in grains if other != grain] for grain in grains]
    given = {"microstructure": "example", "grain": grains, "candidate": [grain == 1 for grain in grains]}
    lengths = [[10.0, 10.0, 10.0] for _ in grains]
    frame = pd.DataFrame({**given, "neighbours": near, LENGTHS: lengths})
    for i, column in enumerate(columns):
        frame[column] = [float(grain + i) for grain in grains]
    return frame


@functools.cache
def packed(model: str) -> bytes:
    """The sources that serving a model takes, as a zip; equal sources give equal bytes."""
    files = closure(ROOT, "graincast/serving.py", f"graincast/models/{model}.py")
    if any(path.startswith("scripts/") for path in files):
        raise BadInput(f"graincast/models/{model}.py imports a program of scripts/")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(path, EPOCH), (ROOT / path).read_bytes(), zipfile.ZIP_DEFLATED)
    return memory.getvalue()
