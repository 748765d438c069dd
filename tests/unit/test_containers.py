"""What a container sees of the machine: mounts and their modes, symlinked folders, and environment variables."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from graincast.planning import containers
from graincast.planning.containers import bindings, environment
from graincast.raw import manifest


@pytest.fixture
def place(tmp_path, monkeypatch) -> Path:
    """A working directory with results, beside raw data."""
    for name in ("project/results", "raw", "scratch"):
        (tmp_path / name).mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "project")
    return tmp_path


def mounts(text: str) -> list[tuple[str, str]]:
    """Path and mode of each mount in order; every folder is mounted at its own path."""
    listed = []
    for mount in filter(None, text.split(",")):
        source, target, mode = mount.split(":")
        assert source == target
        listed.append((target, mode))
    return listed


def mode(text: str, path: Path) -> str | None:
    """The mode at a path: that of the last mount that holds it."""
    on_top = None
    for folder, mount_mode in mounts(text):
        if path.is_relative_to(folder):
            on_top = mount_mode
    return on_top


# ---- Mounts


def test_raw_data_are_read_only_and_results_writable(place):
    text = bindings(read_only=[place / "raw"], writable=["results"])
    assert sorted(mounts(text)) == sorted([(str(place / "raw"), "ro"), (str(place / "project/results"), "rw")])


def test_without_folders_nothing_is_mounted(place):
    assert bindings([], []) == ""


def test_a_relative_folder_is_taken_from_the_working_directory(place):
    assert mounts(bindings(["../raw"], [])) == [(f"{place}/project/../raw", "ro"), (f"{place}/raw", "ro")]


def test_a_missing_folder_and_a_file_are_left_out(place):
    (place / "raw/a.json").write_text("{}")
    (place / "lost").symlink_to(place / "nowhere")
    unusable = [place / "nowhere", place / "raw/a.json", place / "lost"]
    assert bindings(unusable, ["no-results-yet"]) == ""


def test_a_folder_named_twice_is_mounted_once(place):
    assert mounts(bindings([place / "raw", place / "raw"], [])) == [(str(place / "raw"), "ro")]


def test_symlinked_folders_are_mounted_by_both_names(place):
    (place / "project/results").rmdir()
    (place / "project/results").symlink_to(place / "scratch")
    (place / "data").symlink_to(place / "raw")
    text = bindings([place / "data"], ["results"])
    assert dict(mounts(text)) == {
        str(place / "project/results"): "rw",
        str(place / "scratch"): "rw",
        str(place / "data"): "ro",
        str(place / "raw"): "ro",
    }


def test_a_folder_below_a_symlink_is_mounted_by_both_names(place):
    (place / "raw/set").mkdir()
    (place / "data").symlink_to(place / "raw")
    assert mounts(bindings([place / "data/set"], [])) == [(f"{place}/data/set", "ro"), (f"{place}/raw/set", "ro")]


@pytest.mark.parametrize("links", [False, True])
def test_raw_data_inside_results_stay_read_only(place, links):
    results = place / "project/results"
    if links:
        results.rmdir()
        results.symlink_to(place / "scratch")
    (results / "raw").mkdir()
    text = bindings([results / "raw"], ["results"])
    for seen in {results, results.resolve()}:
        assert mode(text, seen / "raw" / "a.json") == "ro"
        assert mode(text, seen / "datasets") == "rw"


def test_a_folder_that_is_raw_data_and_results_is_read_only(place):
    assert mounts(bindings([place / "raw"], [place / "raw"])) == [(str(place / "raw"), "ro")]


def test_raw_data_within_other_raw_data_are_read_only(place):
    (place / "raw/set").mkdir()
    for folders in (["raw", "raw/set"], ["raw/set", "raw"]):
        text = bindings([place / folder for folder in folders], ["results"])
        assert mode(text, place / "raw/set/a.json") == mode(text, place / "raw/a.json") == "ro"


# ---- Where symlinks in raw data lead


@pytest.fixture
def linked(place) -> Path:
    """Raw data with runs behind links: one file, and the files of a folder."""
    (place / "scratch/deep").mkdir()
    (place / "other").mkdir()
    for name in ("raw/own.json", "scratch/one.json", "scratch/deep/two.json", "other/three.json", "other/unused.json"):
        (place / name).write_text("{}")
    (place / "raw/linked.json").symlink_to(place / "other/three.json")
    (place / "raw/batch").symlink_to(place / "scratch")
    return place


def find_runs(root: Path) -> list[Path]:
    return [root / name for name in ("own.json", "linked.json", "batch/one.json", "batch/deep/two.json")]


def test_folders_outside_are_those_that_links_lead_to(linked):
    raw = linked / "raw"
    assert manifest.outside([raw / "own.json"], raw) == []
    assert manifest.outside([raw / "linked.json"], raw) == [str(linked / "other")]
    assert manifest.outside([raw / "batch/deep/two.json"], raw) == [str(linked / "scratch/deep")]


def test_a_folder_outside_stands_for_those_below_it(linked):
    assert manifest.outside(find_runs(linked / "raw"), linked / "raw") == [
        str(linked / "other"),
        str(linked / "scratch"),
    ]


def test_folders_that_only_begin_alike_are_both_listed(place):
    for name in ("scratch/a", "scratch/a-b"):
        (place / name).mkdir()
        (place / name / "x.json").write_text("{}")
        (place / "raw" / Path(name).name).symlink_to(place / name)
    files = [place / "raw/a/x.json", place / "raw/a-b/x.json"]
    assert manifest.outside(files, place / "raw") == [str(place / "scratch/a"), str(place / "scratch/a-b")]


def test_a_root_that_is_a_link_itself_has_nothing_outside(place):
    (place / "raw/own.json").write_text("{}")
    (place / "data").symlink_to(place / "raw")
    assert manifest.outside([place / "data/own.json"], place / "data") == []


def test_the_scan_notes_the_folders_outside_and_no_manifest_does(linked):
    raw, manifests = linked / "raw", linked / "manifests"
    manifest.scan(raw, find_runs, lambda run: [run], 2, manifests)
    noted = json.loads((manifests / manifest.LINKED).read_text())
    assert noted == [str(linked / "other"), str(linked / "scratch")]
    assert str(linked) not in "".join((manifests / f"{shard}.json").read_text() for shard in manifest.shard_names(2))
    text = bindings([raw, *noted], ["results"])
    assert {mode(text, run.resolve()) for run in find_runs(raw)} == {"ro"}


def test_the_note_is_emptied_when_the_links_are_gone(linked):
    raw, manifests = linked / "raw", linked / "manifests"
    manifest.scan(raw, find_runs, lambda run: [run], 2, manifests)
    manifest.scan(raw, lambda root: [root / "own.json"], lambda run: [run], 2, manifests)
    assert json.loads((manifests / manifest.LINKED).read_text()) == []


# ---- Environment

PASSED_ON = {
    "MLFLOW_TRACKING_URI": "http://server:5000",
    "MLFLOW_TRACKING_TOKEN": "a $token, with 'signs'",
    "AWS_ACCESS_KEY_ID": "key",
    "RAW_DATA_ROOT": "/data/grains",
    "CUDA_VISIBLE_DEVICES": "0,1",
    "SLURM_JOB_ID": "7",
    "SLURMD_NODENAME": "node1",
    "NUMBA_CACHE_DIR": "/tmp/cache",
    "HDF5_USE_FILE_LOCKING": "FALSE",
    "GRAINCAST_ANYTHING": "1",
}
KEPT_OUT = {
    "HOME": "/home/me",
    "PATH": "/usr/bin",
    "PYTHONPATH": "/home/me/lib",
    "PYTHONHOME": "/opt/python",
    "LD_LIBRARY_PATH": "/opt/lib",
    "LD_PRELOAD": "/opt/lib/x.so",
    "VIRTUAL_ENV": "/home/me/venv",
    "CONDA_PREFIX": "/opt/conda",
    "MY_MLFLOW_TRACKING_URI": "http://other",
    "SLURM_JOB_ID_OF_MINE": "8",
}
ENGINES = ("APPTAINERENV_", "SINGULARITYENV_")


def test_listed_variables_are_passed_to_either_engine(place):
    variables = environment({**PASSED_ON, **KEPT_OUT}, [], [])
    for engine in ENGINES:
        assert {name.removeprefix(engine): v for name, v in variables.items() if name.startswith(engine)} == PASSED_ON


def test_no_other_variable_is_passed_or_changed(place):
    variables = environment(KEPT_OUT, [], [])
    assert not set(variables) & set(KEPT_OUT)
    assert not [name for name in variables if name.startswith(ENGINES)]


def test_reading_the_snakefile_again_in_a_job_changes_nothing(place):
    once = environment(PASSED_ON, [place / "raw"], ["results"])
    assert environment({**PASSED_ON, **once}, [place / "raw"], ["results"]) == once


def test_either_engine_gets_the_mounts(place):
    variables = environment({}, [place / "raw"], ["results"])
    assert variables["APPTAINER_BIND"] == variables["SINGULARITY_BIND"] == bindings([place / "raw"], ["results"])


def test_containers_have_temporary_folders_of_their_own_and_no_home(place):
    scratch = containers.scratch_folder()
    assert scratch.is_dir() and scratch.stat().st_mode & 0o077 == 0
    assert containers.scratch_folder() != scratch
    variables = environment({}, [], ["results"], scratch=scratch)
    assert variables["APPTAINER_NO_MOUNT"] == variables["SINGULARITY_NO_MOUNT"] == "home,tmp"
    own = [f"{scratch}/tmp:/tmp:rw", f"{scratch}/var_tmp:/var/tmp:rw"]
    assert variables["APPTAINER_BIND"].split(",")[:2] == own


def test_folders_among_temporary_ones_have_mount_points_and_come_after_those_that_would_hide_them(place):
    scratch = containers.scratch_folder()
    with tempfile.TemporaryDirectory(dir="/var/tmp") as name:
        inner = Path(name, "raw/inner")
        inner.mkdir(parents=True)
        mounted = [Path(entry.split(":")[1]) for entry in bindings([inner, name], [Path.cwd()], scratch).split(",")]
        assert mounted[:2] == [Path("/tmp"), Path("/var/tmp")]
        assert mounted.index(Path(name)) < mounted.index(inner)
        assert (scratch / "var_tmp" / inner.relative_to("/var/tmp")).is_dir()


def test_scratch_folders_end_with_their_process_and_those_of_killed_ones_with_the_next(tmp_path):
    """A process makes a scratch folder, says its name, and ends of itself or is killed."""
    code = "from graincast.planning.containers import scratch_folder as f; import os; print(f(), flush=True)"
    environment = os.environ | {"TMPDIR": str(tmp_path), "PYTHONPATH": str(Path(__file__).parents[2])}

    def made(code: str) -> Path:
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
        return Path(done.stdout.strip())

    ended = made(code)
    assert ended.parent == tmp_path and not ended.exists()
    killed = made(f"{code}; os.kill(os.getpid(), 9)")
    assert killed.is_dir()
    made(f"{code}; import sys; child = os.fork(); child or sys.exit(); os.waitpid(child, 0); os.stat(f())")
    assert not killed.exists()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("store", "hidden"), [("/tmp/x/store.db", True), ("/var/tmp/s.db", True), ("/data/s.db", False)]
)
def test_a_store_among_temporary_files_would_be_lost(place, store, hidden):
    assert containers.hidden(Path(store)) == hidden
    assert not containers.hidden(Path("results/mlflow.db"))


def test_containers_start_from_an_empty_environment_even_without_a_profile(place):
    variables = environment({}, [], [])
    assert variables["APPTAINER_CLEANENV"] == variables["SINGULARITY_CLEANENV"] == "1"
    assert variables["APPTAINER_NO_EVAL"] == "1"  # else `$` in a password would be expanded
