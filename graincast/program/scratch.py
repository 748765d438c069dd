"""Where temporary files lie. In a container, each job has a folder of its own: jobs of one run share its /tmp."""

import atexit
import os
import shutil
import tempfile
from collections.abc import Mapping

CONTAINER = ("APPTAINER_CONTAINER", "SINGULARITY_CONTAINER")
_shared: list[str] = []


def use_own(variables: Mapping[str, str] = os.environ) -> None:
    """In a container, make a folder that is the place of this process's temporary files until it ends."""
    if any(variables.get(name) for name in CONTAINER):
        _shared.append(shared())
        tempfile.tempdir = tempfile.mkdtemp(prefix="graincast-job-")
        os.environ["TMPDIR"] = tempfile.tempdir
        atexit.register(shutil.rmtree, tempfile.tempdir, ignore_errors=True)


def shared() -> str:
    """The folder of temporary files that jobs share, such as those of compiled code."""
    return _shared[0] if _shared else tempfile.gettempdir()
