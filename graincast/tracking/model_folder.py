"""MLflow's model folder, without the parameters: loader, signature, requirements and input example.

MLflow's own save_model takes a second, as it runs the model and inspects all packages; so the files are written here.
"""

import functools
import importlib.metadata
import io
import json
import platform
import shutil
import zipfile
from pathlib import Path
from typing import Any

import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, DataType

from graincast.microstructure import BadInput
from graincast.planning.sources import closure
from graincast.prediction.columns import LENGTHS, OUTPUT

ROOT = Path(__file__).parents[2]
CODE = ROOT / "graincast" / "prediction" / "pyfunc.py"
SERVED = ("sgc", "gat")
"""The models that can be served; for the others, only the parameters are logged."""
PACKAGES = ("mlflow", "numpy", "pandas", "scipy", "torch", "h5py", "numba")
EXTRA_PACKAGES = {"gat": ("torch_geometric",)}
ARTIFACTS = {
    "parameters": "artifacts/parameters.pt",
    "about": "artifacts/about.json",
    "sources": "artifacts/graincast.zip",
}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest time of a zip entry; fixed, so that equal sources give equal bytes


def write(folder: Path, model: str, columns: tuple[str, ...]) -> None:
    """Write all files of a model folder except its parameters, about.json and MLmodel."""
    (folder / "artifacts").mkdir(parents=True)
    shutil.copyfile(CODE, folder / CODE.name)
    (folder / ARTIFACTS["sources"]).write_bytes(packed_sources())
    required = requirements(model)
    python = platform.python_version()
    texts = {
        "requirements.txt": "\n".join(required),
        "python_env.yaml": f"python: {python}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
        "dependencies:\n- -r requirements.txt\n",
        "conda.yaml": "name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n"
        f"- python={python}\n- pip\n- pip:\n" + "".join(f"  - {requirement}\n" for requirement in required),
    }
    example = input_example(columns).to_dict("split", index=False)
    texts |= {"input_example.json": json.dumps(example)}
    texts |= {"serving_input_example.json": json.dumps({"dataframe_split": example}, indent=1)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def describe(folder: Path, columns: tuple[str, ...], kind: str, **ids: Any) -> None:
    """Write MLmodel, the file from which MLflow loads the folder.

    ids  model_id, run_id, artifact_path
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    model = Model(signature=signature(columns, kind), model_uuid=ids["model_id"], model_size_bytes=size, **ids)
    model.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }
    model.add_flavor(
        "python_function",
        loader_module="mlflow.pyfunc.loaders.code_model",
        model_code_path=CODE.name,
        python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        artifacts={name: {"path": path, "uri": path} for name, path in ARTIFACTS.items()},
        code=None,
        streamable=False,
    )
    model.save(str(folder / "MLmodel"))


@functools.cache
def requirements(model: str) -> tuple[str, ...]:
    """The packages that serving needs, pinned to the installed versions."""
    packages = PACKAGES + EXTRA_PACKAGES.get(model, ())
    return tuple(f"{name}=={importlib.metadata.version(name).partition('+')[0]}" for name in packages)


@functools.cache
def signature(columns: tuple[str, ...], kind: str) -> ModelSignature:
    """The input and output columns; none is required, since predict.py accepts two forms of input."""
    types: dict[str, Any] = {
        "path": DataType.string,
        "microstructure": DataType.string,
        "grain": DataType.long,
        "candidate": DataType.boolean,
        "neighbours": Array(DataType.long),
        LENGTHS: AnyType(),  # MLflow rejects whole numbers in a column of floats
    }
    types |= {column: AnyType() for column in columns}
    inputs = Schema([ColSpec(column_type, name, required=False) for name, column_type in types.items()])
    outputs = Schema([ColSpec(DataType.string, "microstructure"), ColSpec(DataType.double, OUTPUT[kind])])
    return ModelSignature(inputs, outputs)


def input_example(columns: tuple[str, ...]) -> pd.DataFrame:
    """A made-up microstructure: a candidate grain and three others, all in contact with one another."""
    grains = [1, 2, 3, 4]
    frame = pd.DataFrame(
        {
            "microstructure": "example",
            "grain": grains,
            "candidate": [grain == 1 for grain in grains],
            "neighbours": [[other for other in grains if other != grain] for grain in grains],
            LENGTHS: [[10.0, 10.0, 10.0] for _ in grains],
        }
    )
    for i, column in enumerate(columns):
        frame[column] = [float(grain + i) for grain in grains]
    return frame


@functools.cache
def packed_sources() -> bytes:
    """A zip of the sources that serving needs; equal sources give equal bytes.

    It covers all served models: a process that loads several of them uses the sources of the first.
    """
    files = closure(ROOT, "graincast/prediction/predict.py", *(f"graincast/models/{model}.py" for model in SERVED))
    if any(path.startswith("scripts/") for path in files):
        raise BadInput("graincast/prediction/predict.py or a served model imports a program of scripts/")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(path, EPOCH), (ROOT / path).read_bytes(), zipfile.ZIP_DEFLATED)
    return memory.getvalue()
