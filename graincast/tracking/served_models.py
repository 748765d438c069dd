"""Trained models in MLflow's form: served by graincast/prediction/pyfunc.py, with the sources that it takes in a zip.

MLflow's folder of a model is made once a process for each kind of input, and copied for each trial.
"""

import functools
import json
import shutil
import tempfile
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import LoggedModel, LoggedModelOutput, Run

from graincast.prediction.columns import LENGTHS
from graincast.tracking import model_folder
from graincast.tracking.parameters import Parameters


def log_model(
    client: MlflowClient,
    run: Run,
    record: dict,
    threshold: str | float | None,
    about: dict,
    parameters: Parameters,
) -> LoggedModel | None:
    """Log the models of all folds as one that averages them. Returns None where it can only be kept as a file.

    record     of the job or the experiment: model, columns, target
    """
    run_id = run.info.run_id
    with tempfile.TemporaryDirectory() as temporary:
        if not is_served(record["model"], parameters.models):
            path = Path(temporary, "parameters.pt")
            parameters.save(path)
            client.log_artifact(run_id, str(path))
            client.set_tag(run_id, "graincast.served", "false")
            return None
        folder, columns = Path(temporary, "model"), tuple(record["columns"])
        spec = description(record, threshold, about)
        shutil.copytree(_template(record["model"], columns), folder)
        parameters.save(folder / "artifacts" / "parameters.pt")
        told = json.dumps({**spec, "trial": parameters.trial}, indent=1)
        (folder / "artifacts" / "about.json").write_text(told, encoding="utf-8")
        logged = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id)
        ids = {"model_id": logged.model_id, "run_id": run_id, "artifact_path": logged.artifact_location}
        model_folder.describe(folder, columns, spec["kind"], **ids)
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client.log_model_artifacts(logged.model_id, str(folder))
        return client.finalize_logged_model(logged.model_id, "READY")


def is_served(model: str, models: dict[str, dict]) -> bool:
    """Whether there is a reader for what a model takes: plain features of nodes, and boundary lengths."""
    plain = all(one.get("edge_columns", [LENGTHS]) == [LENGTHS] for one in models.values())
    return model in model_folder.SERVED and plain


def description(record: dict, threshold: str | float | None, about: dict) -> dict:
    """What graincast/prediction/predict.py has to know of a model."""
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
def _template(model: str, columns: tuple[str, ...]) -> Path:
    """MLflow's folder of a model without parameters."""
    folder = Path(tempfile.mkdtemp(dir=_folder().name), "model")
    model_folder.write(folder, model, columns)
    return folder
