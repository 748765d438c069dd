"""What a served model takes and returns: its signature, and a made-up input."""

from typing import Any

import pandas as pd
from mlflow.models import ModelSignature
from mlflow.types import ColSpec, Schema
from mlflow.types.schema import AnyType, Array, DataType

from graincast.prediction.columns import OUTPUT, length


def signature(about: dict) -> ModelSignature:
    """The columns of input and output; none of the input is required, as a model accepts several forms."""
    features = about["features"]
    types: dict[str, Any] = {"path": DataType.string, "microstructure": DataType.string}
    if not about["network"]:
        types |= {"grain": DataType.long, "candidate": DataType.boolean, "neighbours": Array(DataType.long)}
    # MLflow rejects whole numbers in a column of floats
    types |= {column: AnyType() for column in (*features["edges"], *features["nodes"])}
    inputs = Schema([ColSpec(column_type, name, required=False) for name, column_type in types.items()])
    kind = about["target"]["kind"]
    value = DataType.string if kind == "label" else DataType.double
    outputs = {"microstructure": DataType.string}
    outputs |= {"grain": DataType.long} if about["target"].get("grains") == "all" else {}
    outputs |= {OUTPUT[kind]: value}
    return ModelSignature(inputs, Schema([ColSpec(column_type, name) for name, column_type in outputs.items()]))


def example(about: dict) -> pd.DataFrame:
    """A made-up input: an image, or a microstructure with a candidate grain and three others, all in contact."""
    features = about["features"]
    if about["network"]:
        (column,) = features["nodes"]
        return pd.DataFrame({"microstructure": ["example"], column: [[0.5] * length(column)]})
    grains = [1, 2, 3, 4]
    frame = pd.DataFrame(
        {
            "microstructure": "example",
            "grain": grains,
            "candidate": [grain == 1 for grain in grains],
            "neighbours": [[other for other in grains if other != grain] for grain in grains],
        }
    )
    for column in features["edges"]:
        frame[column] = [[10.0, 10.0, 10.0] for _ in grains]
    for i, column in enumerate(features["nodes"]):
        frame[column] = [float(grain + i) for grain in grains]
    return frame
