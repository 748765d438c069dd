"""The records of a training job: trained.json as it was trained, trials.json with validation metrics."""

import json
from pathlib import Path

from graincast.microstructure import BadInput

KEYS = ("experiment", "job", "model", "target", "dataset", "features", "columns", "split", "fingerprint", "trials")


def read_record(folder: Path, name: str = "trials.json") -> dict:
    """A record in a job's folder. Raises BadInput if it is damaged or incomplete."""
    path = folder / name
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise BadInput(f"{path}: not valid JSON: {error}; remove it and run again") from None
    missing = [key for key in KEYS if not (isinstance(record, dict) and key in record)]
    if missing:
        raise BadInput(f"{path}: lacks {missing[0]}; remove it and run again")
    return record
