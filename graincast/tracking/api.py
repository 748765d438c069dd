"""MLflow: the store, the runs of trials and experiments, served models, the registry. Alone in knowing MLflow.

An execution of an experiment is a parent run, a trial a run under it; one that runs again replaces its run. Files
beside the trials are the truth; what MLflow is told here can be told again from them at any time.
"""

import logging
import os

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent anywhere but to the store
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.pop("MLFLOW_RUN_ID", None)  # it would take the place of the runs made here

from graincast.tracking.experiments import log_experiment
from graincast.tracking.store import connect
from graincast.tracking.trial_runs import log_trials

for noisy in ("mlflow", "alembic"):
    logging.getLogger(noisy).setLevel(logging.CRITICAL)  # not earlier: importing MLflow sets the level too

__all__ = ["connect", "log_experiment", "log_trials"]
