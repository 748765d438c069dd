"""The cache of compiled functions is optional: damaged, full or read-only, it only costs time."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MODULE = """
from graincast.program.compiled import compiled

@compiled
def twice(x):
    return 2 * x
"""
CALL = "import module; print(module.twice(21), sum(module.twice.stats.cache_hits.values()))"


def call(folder: Path, **variables: str) -> tuple[int, int]:
    """The result of the function in a fresh process, and how often its compiled code came from the cache."""
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_CACHE_DIR"}
    environment |= {"PYTHONPATH": f"{ROOT}:{folder}", "PYTHONDONTWRITEBYTECODE": "1", **variables}
    command = [sys.executable, "-c", CALL]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    result, hits = map(int, done.stdout.split())
    return result, hits


@pytest.fixture
def folder(tmp_path) -> Path:
    (tmp_path / "module.py").write_text(MODULE)
    return tmp_path


def test_compiled_code_is_kept(folder):
    assert call(folder) == (42, 0)
    assert call(folder) == (42, 1)


@pytest.mark.parametrize("suffix", ["nbi", "nbc"])
@pytest.mark.parametrize("kept", [0, 20, -5])
def test_a_damaged_file_is_dropped_and_made_again(folder, suffix, kept):
    call(folder)
    (file,) = folder.glob(f"__pycache__/*.{suffix}")
    content = file.read_bytes()
    file.write_bytes(content[:kept])
    assert call(folder)[0] == 42
    assert call(folder) == (42, 1)


def test_a_full_disk_stops_nothing(folder):
    cache = folder / "cache"
    cache.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4k,nr_inodes=3", "tmpfs", str(cache)]
    if os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs root to mount a small disk")
    try:
        (cache / "filling").write_bytes(bytes(4096))
        assert call(folder, NUMBA_CACHE_DIR=str(cache))[0] == 42
        assert call(folder, NUMBA_CACHE_DIR=str(cache))[0] == 42
    finally:
        subprocess.run(["umount", str(cache)], check=True)


def test_without_a_writable_place_a_private_folder_is_used(folder):
    if os.geteuid() != 0 or not shutil.which("setpriv"):
        pytest.skip("needs root to run as another user")
    temporary = folder / "tmp"
    temporary.mkdir()
    temporary.chmod(0o777)
    for path in (folder, *folder.parents):
        path.chmod(path.stat().st_mode | 0o055)
    code = f"import sys; sys.path[:0] = {[str(ROOT), str(folder)]!r}; {CALL}"
    command = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", sys.executable, "-c", code]
    environment = {"HOME": "/nowhere", "TMPDIR": str(temporary), "PATH": os.environ["PATH"]}
    results = []
    for _ in range(2):
        done = subprocess.run(command, cwd="/", env=environment, capture_output=True, text=True, check=False)
        if "Permission denied" in done.stderr or "ModuleNotFoundError" in done.stderr:
            pytest.skip("the environment cannot be read by another user")
        assert done.returncode == 0, done.stderr
        results.append(done.stdout.split())
    assert results == [["42", "0"], ["42", "1"]]
    (private,) = temporary.iterdir()
    assert private.stat().st_mode & 0o077 == 0
