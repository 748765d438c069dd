"""Trained models in MLflow's format, served by graincast/prediction/pyfunc.py with the sources it needs in a zip.

The model folder is written once per process for each kind of input, and copied for each trial.
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
    """Log the models of all folds as one model that averages their predictions.

    record  of the job or the experiment: model, columns, target
    Returns None for a model that cannot be served; its parameters are logged as a file.
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
        about_text = json.dumps({**spec, "trial": parameters.trial}, indent=1)
        (folder / "artifacts" / "about.json").write_text(about_text, encoding="utf-8")
        logged = client.create_logged_model(run.info.experiment_id, name="model", source_run_id=run_id)
        ids = {"model_id": logged.model_id, "run_id": run_id, "artifact_path": logged.artifact_location}
        model_folder.describe(folder, columns, spec["kind"], **ids)
        client.log_outputs(run_id, [LoggedModelOutput(logged.model_id, step=0)])
        client.log_model_artifacts(logged.model_id, str(folder))
        return client.finalize_logged_model(logged.model_id, "READY")


def is_served(model: str, models: dict[str, dict]) -> bool:
    """Whether predict.py can prepare the model's input: plain node features, and boundary lengths."""
    plain = all(fold_model.get("edge_columns", [LENGTHS]) == [LENGTHS] for fold_model in models.values())
    return model in model_folder.SERVED and plain


def description(record: dict, threshold: str | float | None, about: dict) -> dict:
    """The argument `about` of graincast/prediction/predict.py for a model."""
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
def _template_folder() -> tempfile.TemporaryDirectory:
    return tempfile.TemporaryDirectory(prefix="graincast-models-")


@functools.cache
def _template(model: str, columns: tuple[str, ...]) -> Path:
    """MLflow's model folder without parameters."""
    folder = Path(tempfile.mkdtemp(dir=_template_folder().name), "model")
    model_folder.write(folder, model, columns)
    return folder
