"""The record of a training job, trials.json: what was trained on what, and each trial's validation metrics."""

import json
from pathlib import Path

from graincast.microstructure import BadInput

KEYS = ("experiment", "job", "model", "target", "dataset", "features", "columns", "split", "fingerprint", "trials")


def read_record(folder: Path) -> dict:
    """The record in a job's folder. Raises BadInput where it is none."""
    path = folder / "trials.json"
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}; remove it and run again") from None
    missing = [key for key in KEYS if not (isinstance(record, dict) and key in record)]
    if missing:
        raise BadInput(f"{path}: lacks {missing[0]}; remove it and run again")
    return record
