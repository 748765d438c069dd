"""MLflow's folder of a model, without its parameters: how it is loaded, what goes in and comes out, what it requires.

Written here, file by file, as MLflow's save_model takes a second: it runs the model and looks through all packages.
"""

import functools
import importlib.metadata
import io
import json
import platform
import shutil
import zipfile
from pathlib import Path

import pandas as pd
from mlflow.models import Model, ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, DataType

from graincast.microstructure import BadInput
from graincast.planning.source_files import closure
from graincast.prediction.columns import LENGTHS, OUTPUT

ROOT = Path(__file__).parents[2]
CODE = ROOT / "graincast" / "prediction" / "pyfunc.py"
SERVED = ("sgc", "gat")
"""The models that graincast/prediction/predict.py reads input for; of the others the parameters alone are kept."""
PACKAGES = ("mlflow", "numpy", "pandas", "scipy", "torch", "h5py", "numba")
MORE = {"gat": ("torch_geometric",)}
ARTIFACTS = {
    "parameters": "artifacts/parameters.pt",
    "about": "artifacts/about.json",
    "sources": "artifacts/graincast.zip",
}
EPOCH = (1980, 1, 1, 0, 0, 0)


def write(folder: Path, model: str, columns: tuple[str, ...]) -> None:
    """Write all files of a model's folder but its parameters, what is told about it, and MLmodel."""
    (folder / "artifacts").mkdir(parents=True)
    shutil.copyfile(CODE, folder / CODE.name)
    (folder / ARTIFACTS["sources"]).write_bytes(packed())
    required = requirements(model)
    python = platform.python_version()
    texts = {
        "requirements.txt": "\n".join(required),
        "python_env.yaml": f"python: {python}\nbuild_dependencies:\n- pip\n- setuptools\n- wheel\n"
        "dependencies:\n- -r requirements.txt\n",
        "conda.yaml": "name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n"
        f"- python={python}\n- pip\n- pip:\n" + "".join(f"  - {one}\n" for one in required),
    }
    given = example(columns).to_dict("split", index=False)
    texts |= {"input_example.json": json.dumps(given)}
    texts |= {"serving_input_example.json": json.dumps({"dataframe_split": given}, indent=1)}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def describe(folder: Path, columns: tuple[str, ...], kind: str, **ids: str) -> None:
    """Write MLmodel, by which MLflow loads what else is in the folder.

    ids  model_id, run_id, artifact_path
    """
    size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    described = Model(signature=signature(columns, kind), model_uuid=ids["model_id"], model_size_bytes=size, **ids)
    described.saved_input_example_info = {
        "artifact_path": "input_example.json",
        "serving_input_path": "serving_input_example.json",
        "type": "dataframe",
        "pandas_orient": "split",
    }
    described.add_flavor(
        "python_function",
        loader_module="mlflow.pyfunc.loaders.code_model",
        model_code_path=CODE.name,
        python_version=platform.python_version(),
        env={"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        artifacts={name: {"path": path, "uri": path} for name, path in ARTIFACTS.items()},
        code=None,
        streamable=False,
    )
    described.save(str(folder / "MLmodel"))


@functools.cache
def requirements(model: str) -> tuple[str, ...]:
    """The packages that serving takes, with the versions that are installed here."""
    versions = {name: importlib.metadata.version(name).partition("+")[0] for name in PACKAGES + MORE.get(model, ())}
    return tuple(f"{name}=={version}" for name, version in versions.items())


@functools.cache
def signature(columns: tuple[str, ...], kind: str) -> ModelSignature:
    """Either form of input that graincast/prediction/predict.py takes, so that no column is required by itself."""
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
def packed() -> bytes:
    """The sources that serving any model takes, as a zip: a process may load several models, and takes the sources of
    the first. Equal sources give equal bytes.
    """
    files = closure(ROOT, "graincast/prediction/predict.py", *(f"graincast/models/{model}.py" for model in SERVED))
    if any(path.startswith("scripts/") for path in files):
        raise BadInput("graincast/prediction/predict.py or a served model imports a program of scripts/")
    memory = io.BytesIO()
    with zipfile.ZipFile(memory, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in files:
            archive.writestr(zipfile.ZipInfo(path, EPOCH), (ROOT / path).read_bytes(), zipfile.ZIP_DEFLATED)
    return memory.getvalue()
