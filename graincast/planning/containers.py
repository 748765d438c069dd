"""The worker image's name, and which parts of the machine its containers see.

A container sees the working directory, the folders with raw data (read-only), the real place of `results`, and only the
environment variables named here.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

from graincast.files.links import hops

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
    """Path of the SIF that docker/build.sh makes: its name has a hash of the Dockerfile, the lock file and the variant.

    A changed environment has another name, so that no job runs in an outdated image.
    """
    digest = hashlib.sha256()
    for name in ("docker/worker.Dockerfile", "envs/requirements.lock"):
        digest.update((project / name).read_bytes())
    digest.update(variant.encode())
    return f"containers/graincast-worker-{variant}-{digest.hexdigest()[:12]}.sif"


def bindings(read_only: Iterable[Path], writable: Iterable[Path]) -> str:
    """APPTAINER_BIND for these folders, under each path that their links lead through; missing ones are left out."""
    found = {}
    for mode, folders in (("rw", writable), ("ro", read_only)):
        for folder in folders:
            for path in hops(folder):
                if path.is_dir():
                    found[str(path)] = f"{path}:{path}:{mode}"
    return ",".join(found.values())


def environment(
    variables: Mapping[str, str], read_only: Iterable[Path], writable: Iterable[Path], project: Path | None = None
) -> dict[str, str]:
    """What to set for Apptainer: folders to bind, and the named variables for an otherwise empty environment.

    project  the folder of the programs, if it is not the working directory
    """
    binds = bindings(read_only, writable)
    carried = {"APPTAINER_BIND": binds, "SINGULARITY_BIND": binds}
    # a clean environment even without the profile; values are taken literally, without expanding $
    carried |= {"APPTAINER_CLEANENV": "1", "SINGULARITY_CLEANENV": "1", "APPTAINER_NO_EVAL": "1"}
    for name, value in variables.items():
        if name in PASSED or name.startswith(PASSED_PREFIXES):
            carried |= {f"APPTAINERENV_{name}": value, f"SINGULARITYENV_{name}": value}
    if project:
        carried |= {"APPTAINERENV_PYTHONPATH": str(project), "SINGULARITYENV_PYTHONPATH": str(project)}
    return carried
