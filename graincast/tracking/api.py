"""Tracking of experiments in MLflow: connect to the store, log trials, log an experiment.

Each execution of an experiment is a parent run, and each trial a run under it; a rerun of a trial replaces its run.
The result files are authoritative: everything logged here can be logged again from them at any time.
"""

import logging
import os

os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")  # nothing is sent except to the store
os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
os.environ.pop("MLFLOW_RUN_ID", None)  # MLflow would log to that run instead

from graincast.tracking.experiments import log_experiment
from graincast.tracking.store import connect
from graincast.tracking.trial_runs import log_trials
from graincast.tracking.views import addresses

for logger in ("mlflow", "alembic"):
    logging.getLogger(logger).setLevel(logging.CRITICAL)  # only now, as importing MLflow also sets the level

__all__ = ["addresses", "connect", "log_experiment", "log_trials"]
