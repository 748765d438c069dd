"""Wall time and peak memory of a step, and where it ran, in a small file beside its outputs."""

import json
import os
import platform
import resource
import time
from pathlib import Path

from graincast.files.atomic import write_text

FILE = "cost.json"
COMMIT, DIRTY = "GRAINCAST_COMMIT", "GRAINCAST_DIRTY"
"""Variables by which jobs are told the commit of the project's sources, and whether they differ from it."""
STARTED = time.monotonic()


def write(folder: Path, **more: float) -> None:
    """Write cost.json: seconds since this module was loaded, peak memory in MB, host, SLURM job, image and commit.

    more  further measures of the step, by name
    """
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024  # Linux counts in KiB
    image = os.environ.get("APPTAINER_CONTAINER") or os.environ.get("SINGULARITY_CONTAINER", "")
    cost = {
        "wall_s": round(time.monotonic() - STARTED, 3),
        "peak_memory_mb": round(peak, 1),
        "host": platform.node(),
        "slurm_job": os.environ.get("SLURM_JOB_ID", ""),
        "image": Path(image).name,
        "commit": os.environ.get(COMMIT, "") + (", with changes" if os.environ.get(DIRTY) == "true" else ""),
    }
    write_text(folder / FILE, json.dumps(cost | more) + "\n")
