"""A batch of simulations that is killed goes on at the state it was at, and gives the same bytes."""

import json
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from graincast.files.atomic import resumable, whole
from graincast.program.recipe import Recipe
from scripts import simulate

ROOT = Path(__file__).parents[2]
SIMULATE = {
    "seed": 3,
    "size": 40,
    "red_fraction": [0.1, 0.4],
    "mobility": "candidate-red",
    "min_mobility": 0.001,
    "initial": {"temperature": 0.9, "time": 10, "quench_temperature": 0.1, "quench_time": 3},
    "growth": {"temperature": 0.9, "time": 20000, "runs": 2, "record": [100]},
}
STATES = {"first": 1, "last": 30}


def recipe(folder, **changes):
    """The recipe of one batch, with changes."""
    folder.mkdir(exist_ok=True)
    parameters = {"simulate": SIMULATE, "states": STATES}
    path = folder / "recipe.json"
    path.write_text(json.dumps({"parameters": parameters, "sources": "1"} | changes))
    return path


def started(folder):
    """The program for one batch at work."""
    program = [sys.executable, "-m", "scripts.simulate", "--recipe", str(recipe(folder)), "--name", "made/0000"]
    arguments = ["--out", str(folder / "0000"), "--manifest", str(folder / "0000.json")]
    return subprocess.Popen([*program, *arguments], cwd=ROOT)


def finish(folder, **changes):
    """Run the program to its end, in this process."""
    given = {
        "name": "made/0000",
        "initial": None,
        "shares": None,
        "out": folder / "0000",
        "manifest": folder / "0000.json",
    }
    simulate.main(SimpleNamespace(recipe=Recipe(recipe(folder, **changes)), **given))


def made(folder):
    """The content of the batch and its manifest, by path."""
    paths = [folder / "0000.json", *(folder / "0000").rglob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def kept(folder):
    """The states that an interrupted batch has finished, with the times at which they were."""
    return {run.name: run.stat().st_mtime_ns for run in folder.glob(".0000.*.kept/run-*")}


def test_a_killed_batch_goes_on_and_gives_the_same_bytes(tmp_path):
    finish(tmp_path / "undisturbed")
    expected = made(tmp_path / "undisturbed")
    killed = tmp_path / "killed"
    for least in (1, 4, 7):
        before = kept(killed)
        process = started(killed)
        while process.poll() is None and len(kept(killed)) < least:
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not (killed / "0000").exists()
        assert len(kept(killed)) >= least
        assert {name: kept(killed)[name] for name in before} == before  # nothing is made twice
    finish(killed)
    assert made(killed) == expected
    assert sorted(path.name for path in killed.iterdir()) == ["0000", "0000.json", "recipe.json"]


@pytest.mark.parametrize(
    "change", [{"sources": "2"}, {"parameters": {"simulate": SIMULATE | {"seed": 4}, "states": STATES}}]
)
def test_what_was_kept_for_another_recipe_is_not_used(tmp_path, change):
    folder = tmp_path / "batch"
    process = started(folder)
    while process.poll() is None and not kept(folder):
        time.sleep(0.002)
    process.kill()
    process.wait()
    first = next(folder.glob(".0000.*.kept/run-*"))
    (first / "mark").touch()  # a state that is made anew does not have it
    finish(folder, **change)
    assert not list(folder.rglob("mark"))
    assert not kept(folder)


def test_a_renewed_recipe_is_the_same(tmp_path):
    folder = tmp_path / "batch"
    process = started(folder)
    while process.poll() is None and not kept(folder):
        time.sleep(0.002)
    process.kill()
    process.wait()
    (next(folder.glob(".0000.*.kept/run-*")) / "mark").touch()
    finish(folder, renewed="now")
    assert list(folder.rglob("mark"))


def test_parts_stay_after_an_error_and_take_their_place_together(tmp_path):
    out = tmp_path / "folder" / "out"
    with pytest.raises(KeyboardInterrupt), resumable(out, "a") as folder:
        with whole(folder / "one") as partial:
            partial.write_text("1")
        (folder / ".two.99.partial").write_text("half")
        raise KeyboardInterrupt
    assert not out.exists()
    with resumable(out, "a") as folder:
        assert (folder / "one").read_text() == "1"
        with whole(folder / "two") as partial:
            partial.write_text("2")
    assert {path.name: path.read_text() for path in out.iterdir()} == {"one": "1", "two": "2"}
    assert [path.name for path in out.parent.iterdir()] == ["out"]
    with resumable(out, "b") as folder:
        assert not list(folder.iterdir())
    assert not list(out.iterdir())
