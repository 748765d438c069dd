"""Champions: the models that evaluation chose, registered and served by MLflow.

A champion becomes the next version of a registered model, with the alias `champion`. It is made from the files that
evaluation wrote, model.h5 and sources.zip, so what is served is what was trained, whenever it is logged.
"""

import hashlib
import re
import sys
import tempfile
import warnings
import zipfile
from pathlib import Path
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import LoggedModelStatus, Run
from mlflow.exceptions import MlflowException
from mlflow.models import Model
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

from graincast.tracking import served_frames, store

ALIAS, DIGEST = "champion", "graincast.digest"
NO_REGISTRY = ("FEATURE_DISABLED", "NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND")
CODE = "graincast/prediction/pyfunc.py"
MODEL, SOURCES, CARD = "model.h5", "sources.zip", "MODEL_CARD.md"


def register(client: MlflowClient, parent: Run, name: str, folder: Path, threshold: str, about: dict) -> None:
    """Log an experiment's champion at a threshold to its parent run and register it; an unchanged one adds no version.

    name    the registered model's name; characters that the registry rejects become dots
    folder  of the experiment's results
    about   what the trained model's file says of itself
    A model that cannot be served is logged as a file, with the reason as a tag.
    """
    if about["not_served"]:
        client.log_artifact(parent.info.run_id, str(folder / MODEL))
        client.set_tag(parent.info.run_id, "graincast.not_served", about["not_served"])
        print(f"tracking: {name} not registered: {about['not_served']}", file=sys.stderr)
        return
    name = re.sub(r"[/:%\"']", ".", name)
    digest = _digest(folder, threshold)
    try:
        with store.locked(mlflow.get_tracking_uri()):
            _create(client, name)
            versions = [version for version in _versions(client, name) if version.tags.get(DIGEST) == digest]
            if not versions:
                model_id = _log(client, parent, folder, threshold, about)
                tags, uri = {DIGEST: digest, "graincast.parent_run": parent.info.run_id}, f"models:/{model_id}"
                versions = [client.create_model_version(name, uri, parent.info.run_id, tags=tags, model_id=model_id)]
            version = str(versions[-1].version)
            client.set_registered_model_alias(name, ALIAS, version)
        suffix = f"_t{threshold}" if threshold else ""
        client.set_tag(parent.info.run_id, f"graincast.registered{suffix}", f"{name}/{version}")
    except UnsupportedModelRegistryStoreURIException:
        print(f"tracking: {name} not registered: this store has no model registry", file=sys.stderr)
    except MlflowException as error:
        if error.error_code not in NO_REGISTRY:
            raise
        print(f"tracking: {name} not registered: this store has no model registry", file=sys.stderr)


class Served:
    """The flavor `pyfunc`, whose example is kept but not run while it is logged.

    Running it would import torch and the model's packages again, 2 to 4 s of CPU for each champion.
    """

    @staticmethod
    def save_model(path: str, validate_serving_input: bool, **options: Any) -> None:
        """Save a model in a folder; `validate_serving_input` speaks to Model.log alone."""
        mlflow.pyfunc.save_model(path, **options)


def _log(client: MlflowClient, parent: Run, folder: Path, threshold: str, about: dict) -> str:
    """Log the champion as a model of the parent run. Returns the model's id."""
    run_id = parent.info.run_id
    files = {"model": MODEL, "sources": SOURCES, "card": CARD}
    artifacts = {name: str(folder / file) for name, file in files.items() if (folder / file).is_file()}
    for model in client.search_logged_models([parent.info.experiment_id], filter_string=f"source_run_id = '{run_id}'"):
        if model.status != LoggedModelStatus.READY:
            client.delete_logged_model(model.model_id)  # left by an attempt that was interrupted
    try:
        with (
            tempfile.TemporaryDirectory() as unpacked,
            zipfile.ZipFile(folder / SOURCES) as sources,
            warnings.catch_warnings(),
            mlflow.start_run(run_id=run_id),
        ):
            warnings.simplefilter("ignore")
            logged = Model.log(
                artifact_path=None,
                name="model",
                flavor=Served,
                validate_serving_input=False,
                python_model=sources.extract(CODE, unpacked),
                artifacts=artifacts,
                model_config={"threshold": threshold, "extensions": about["extensions"]},
                pip_requirements=about["requirements"],
                signature=served_frames.signature(about),
                input_example=served_frames.example(about),
            )
    finally:
        client.update_run(run_id, status="KILLED")  # until everything is logged
    return logged.model_id


def _create(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: MlflowClient, name: str) -> list:
    """All versions, oldest first."""
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def _digest(folder: Path, threshold: str) -> str:
    """The hash of what a champion is made from, 16 hexadecimal digits."""
    digest = hashlib.sha256(threshold.encode())
    for name in (MODEL, SOURCES):
        digest.update((folder / name).read_bytes())
    return digest.hexdigest()[:16]
