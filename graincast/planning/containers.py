"""The worker image's name, and which parts of the machine its containers see.

A container sees the working directory, the folders with raw data (read-only), the real place of `results`, an empty
/tmp and /var/tmp, and only the environment variables named here. It sees neither the home folder nor the machine's
temporary files.
"""

import atexit
import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from graincast.files.links import hops
from graincast.program import workflow

PASSED = (
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "RAW_DATA_ROOT",
    "CUDA_VISIBLE_DEVICES",
    "SLURM_JOB_ID",
    "SLURMD_NODENAME",
    "NUMBA_CACHE_DIR",
    "HDF5_USE_FILE_LOCKING",
)
PASSED_PREFIXES = ("MLFLOW_", "AWS_", "GRAINCAST_")


def image_name(project: Path, variant: str) -> str:
    """Path of the SIF that docker/build.sh makes: its name has a hash of all that it is made from.

    A changed environment has another name, so that no job runs in an outdated image.
    """
    digest = hashlib.sha256()
    for name in ("docker/worker.Dockerfile", "envs/install.sh", "envs/requirements.lock", f"envs/torch-{variant}.lock"):
        digest.update((project / name).read_bytes())
    digest.update(variant.encode())
    return f"containers/graincast-worker-{variant}-{digest.hexdigest()[:12]}.sif"


TEMPORARY = {"/tmp": "tmp", "/var/tmp": "var_tmp"}
"""Folders that a container has for itself, and the folder within a scratch folder that stands for each."""


def hidden(file: Path) -> bool:
    """Whether a file lies where a container has an empty folder of its own, outside the working directory."""
    path = file.absolute()
    below = [place for place in TEMPORARY if path.is_relative_to(place)]
    return bool(below) and not path.is_relative_to(Path.cwd())


def scratch_folder() -> Path:
    """A private folder among the machine's temporary files, removed when this process ends.

    Those that killed processes of this user left on this machine are removed first.
    """
    own = f"graincast-scratch-{os.getuid()}-"
    for left in Path(tempfile.gettempdir()).glob(f"{own}*-*-*"):
        pid, started, _ = left.name.removeprefix(own).split("-", 2)
        with contextlib.suppress(OSError):
            if pid.isdecimal() and left.stat().st_uid == os.getuid() and workflow.started_at(int(pid)) != started:
                shutil.rmtree(left)
    here = os.getpid()
    folder = Path(tempfile.mkdtemp(prefix=f"{own}{here}-{workflow.started_at(here)}-"))
    atexit.register(_remove, folder, here)
    return folder


def _remove(folder: Path, owner: int) -> None:
    if os.getpid() == owner:  # not a child that inherited this
        shutil.rmtree(folder, ignore_errors=True)


def bindings(read_only: Iterable[Path], writable: Iterable[Path], scratch: Path | None = None) -> str:
    """APPTAINER_BIND for these folders, under each path that their links lead through; missing ones are left out.

    scratch  a folder whose subfolders stand for /tmp and /var/tmp; gets mount points for the folders below these
    """
    found = {}
    for mode, folders in (("rw", writable), ("ro", read_only)):
        for folder in folders:
            for path in hops(folder):
                if path.is_dir():
                    found[path] = f"{path}:{path}:{mode}"
    own = []
    if scratch:
        for place, name in TEMPORARY.items():
            own.append(f"{scratch / name}:{place}:rw")
            for path in [Path(place), *found]:
                if path.is_relative_to(place):
                    (scratch / name / path.relative_to(place)).mkdir(parents=True, exist_ok=True)
    # a folder comes before those in it, which it would hide
    return ",".join([*own, *(found[path] for path in sorted(found, key=_depth))])


def _depth(path: Path) -> int:
    return os.path.normpath(path).count("/")


def environment(
    variables: Mapping[str, str],
    read_only: Iterable[Path],
    writable: Iterable[Path],
    project: Path | None = None,
    scratch: Path | None = None,
) -> dict[str, str]:
    """What to set for Apptainer: folders to bind, and the named variables for an otherwise empty environment.

    project  the folder of the programs, if it is not the working directory
    scratch  a folder for the container's /tmp and /var/tmp
    """
    binds = bindings(read_only, writable, scratch)
    carried = {"APPTAINER_BIND": binds, "SINGULARITY_BIND": binds}
    # a clean environment even without the profile; values are taken literally, without expanding $
    carried |= {"APPTAINER_CLEANENV": "1", "SINGULARITY_CLEANENV": "1", "APPTAINER_NO_EVAL": "1"}
    # not --contain, which would mount a project below /tmp before the /tmp that hides it
    carried |= {"APPTAINER_NO_MOUNT": "home,tmp", "SINGULARITY_NO_MOUNT": "home,tmp"}
    for name, value in variables.items():
        if name in PASSED or name.startswith(PASSED_PREFIXES):
            carried |= {f"APPTAINERENV_{name}": value, f"SINGULARITYENV_{name}": value}
    if project:
        carried |= {"APPTAINERENV_PYTHONPATH": str(project), "SINGULARITYENV_PYTHONPATH": str(project)}
    return carried
