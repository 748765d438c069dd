"""The file of a registered model, fetched from its store."""

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import mlflow
from mlflow.exceptions import MlflowException

from graincast.microstructure import BadInput
from graincast.tracking.addresses import address
from graincast.tracking.champions import MODEL


@contextlib.contextmanager
def fetched(model: str, tracking: dict[str, Any]) -> Iterator[Path]:
    """The trained model's file of `models:/name@alias` or `models:/name/version`, for the while.

    Raises BadInput where there is none, or the store does not answer.
    """
    store = address(tracking)
    mlflow.set_tracking_uri(store)
    with tempfile.TemporaryDirectory(prefix="graincast-") as folder:
        try:
            mlflow.artifacts.download_artifacts(artifact_uri=model, dst_path=folder)
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            raise BadInput(f"model {model}: not to be had from the tracking store: {reason}") from None
        files = sorted(Path(folder).rglob(MODEL))
        if not files:
            raise BadInput(f"model {model}: holds no {MODEL}; name a champion of graincast")
        yield files[0]
