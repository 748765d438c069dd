"""What a step has cost so far: wall time and memory, in a small file beside its outputs, which MLflow is told of."""

import json
import resource
import time
from pathlib import Path

from graincast.files.atomic import write_text

FILE = "cost.json"
STARTED = time.monotonic()


def write(folder: Path) -> None:
    """Write the seconds since this module was loaded, and the most memory that this process has held, in MB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    cost = {"wall_s": round(time.monotonic() - STARTED, 3), "peak_memory_mb": round(peak, 1)}
    write_text(folder / FILE, json.dumps(cost) + "\n")
