"""The model registry: a chosen model becomes the next version of a name, with the alias `champion`."""

import hashlib
import json
import re
import sys
from typing import Any

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

from graincast.tracking import store
from graincast.tracking.parameters import Parameters
from graincast.tracking.served_models import description, is_served, log_model

ALIAS, DIGEST = "champion", "graincast.digest"
NO_REGISTRY = ("FEATURE_DISABLED", "NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND")


def register(
    client: MlflowClient, parent: Run, name: str, result: dict, threshold: str, about: dict, models: dict
) -> None:
    """Log a chosen model to the parent run and register it; an unchanged model adds no version.

    name    the registered model's name; characters that the registry rejects become dots
    models  {fold: parameters}
    """
    if not is_served(result["model"], models):
        log_model(client, parent, result, threshold or None, about, Parameters(models))  # as a file only
        return
    name = re.sub(r"[/:%\"']", ".", name)
    digest = content_digest({"about": description(result, threshold or None, about), "models": models})
    try:
        with store.locked(mlflow.get_tracking_uri()):
            _create(client, name)
            versions = [version for version in _versions(client, name) if version.tags.get(DIGEST) == digest]
            if not versions:
                model = log_model(client, parent, result, threshold or None, about, Parameters(models))
                assert model is not None  # as is_served
                tags, uri = {DIGEST: digest, "graincast.parent_run": parent.info.run_id}, f"models:/{model.model_id}"
                versions = [
                    client.create_model_version(name, uri, parent.info.run_id, tags=tags, model_id=model.model_id)
                ]
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


def _create(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: MlflowClient, name: str) -> list:
    """All versions, oldest first."""
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda version: int(version.version))


def content_digest(content: object) -> str:
    """The hash of nested dicts of tensors and built-in types, 16 hexadecimal digits."""
    digest = hashlib.sha256()

    def add(value: Any) -> None:
        if isinstance(value, dict):
            for key in value:
                digest.update(f"{json.dumps(str(key))}:".encode())
                add(value[key])
        elif hasattr(value, "numpy"):
            array = value.detach().cpu().numpy()
            digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        else:
            digest.update(json.dumps(value).encode())

    add(content)
    return digest.hexdigest()[:16]
