"""The registry: the model that an experiment chose, as the next version of a name, with the alias `champion`."""

import hashlib
import json
import re
import sys

import mlflow
from mlflow import MlflowClient
from mlflow.entities import Run
from mlflow.exceptions import MlflowException
from mlflow.tracking.registry import UnsupportedModelRegistryStoreURIException

from graincast.tracking import store
from graincast.tracking.parameters import Parameters
from graincast.tracking.served_models import description, is_served, log_model

ALIAS, DIGEST = "champion", "graincast.digest"
NONE_HERE = ("FEATURE_DISABLED", "NOT_IMPLEMENTED", "ENDPOINT_NOT_FOUND")


def register(
    client: MlflowClient, parent: Run, name: str, result: dict, threshold: str, about: dict, models: dict
) -> None:
    """Log a chosen model under the parent run and register it; what is registered already makes no new version.

    name    of the experiment with its prefix; characters that the registry refuses become dots
    models  {fold: parameters}
    """
    if not is_served(result["model"], models):
        log_model(client, parent, result, threshold or None, about, Parameters(models))  # as a file
        return
    name = re.sub(r"[/:%\"']", ".", name)
    digest = content_digest({"about": description(result, threshold or None, about), "models": models})
    try:
        with store.alone(mlflow.get_tracking_uri()):
            _create(client, name)
            same = [one for one in _versions(client, name) if one.tags.get(DIGEST) == digest]
            if not same:
                model = log_model(client, parent, result, threshold or None, about, Parameters(models))
                tags = {DIGEST: digest, "graincast.parent_run": parent.info.run_id}
                uri = f"models:/{model.model_id}"
                same = [client.create_model_version(name, uri, parent.info.run_id, tags=tags, model_id=model.model_id)]
            version = str(same[-1].version)
            client.set_registered_model_alias(name, ALIAS, version)
        suffix = f"_t{threshold}" if threshold else ""
        client.set_tag(parent.info.run_id, f"graincast.registered{suffix}", f"{name}/{version}")
    except UnsupportedModelRegistryStoreURIException:
        print(f"tracking: {name} not registered: this store has no model registry", file=sys.stderr)
    except MlflowException as error:
        if error.error_code not in NONE_HERE:
            raise
        print(f"tracking: {name} not registered: this store has no model registry", file=sys.stderr)


def _create(client: MlflowClient, name: str) -> None:
    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


def _versions(client: MlflowClient, name: str) -> list:
    """All versions, the oldest first."""
    return sorted(client.search_model_versions(f"name = '{name}'"), key=lambda one: int(one.version))


def content_digest(content: object) -> str:
    """A hash of tensors and built-in types, 16 hexadecimal digits."""
    digest = hashlib.sha256()

    def add(one: object) -> None:
        if isinstance(one, dict):
            for key in one:
                digest.update(f"{json.dumps(str(key))}:".encode())
                add(one[key])
        elif hasattr(one, "numpy"):
            array = one.detach().cpu().numpy()
            digest.update(f"{array.dtype} {array.shape}".encode() + array.tobytes())
        else:
            digest.update(json.dumps(one).encode())

    add(content)
    return digest.hexdigest()[:16]
