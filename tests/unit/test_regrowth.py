"""Growth runs from the states of another data set: what is kept, what is drawn anew, and what is refused."""

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import scripts.regrow
from graincast.graphs import shards
from graincast.graphs.from_labels import from_labels
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.graphs.samples import samples
from graincast.microstructure import BadInput, Microstructure
from graincast.potts.regrowth import regrow
from graincast.program.recipe import Recipe
from graincast.raw import regrown
from graincast.raw.sources import regrown_files
from tests.synthetic import voronoi

ROOT = Path(__file__).parents[2]
SETTINGS = {
    "seed": 1,
    "mobility": "candidate-red",
    "min_mobility": 0.01,
    "growth": {"temperature": 0.9, "time": 300, "runs": 2, "record": 100},
}


def state(seed: int = 0, periodic: tuple[bool, bool] = (True, True)) -> Microstructure:
    """A map of 24 x 30 sites with a pore, spacing 0.5 µm, and its largest grain as the candidate."""
    labels = voronoi(30, 14, np.random.default_rng(seed))[:24]
    labels[2:5, 3:9] = 0
    one = from_labels("maps/a", labels, periodic, 0.5)
    (sample,) = samples(one, "largest", {"by": "fraction", "red": 0.5, "seed": seed})
    return sample


def grown(folder, sample: Microstructure, settings: dict = SETTINGS) -> Microstructure:
    list(regrow(folder, sample, settings))
    return regrown.read(folder, sample.name)


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, False)])
def test_the_state_is_kept_and_growth_runs_are_added(tmp_path, periodic):
    sample = state(periodic=periodic)
    one = grown(tmp_path / "a", sample)
    assert (one.name, one.group, one.periodic, one.spacing) == (sample.name, "maps/a", periodic, 0.5)
    for key in ("labels", "grain_id", "grain_type", "candidate", "edges", "boundary_length", "degree"):
        np.testing.assert_array_equal(getattr(one, key), getattr(sample, key))
    assert one.runs == ["1", "2"]
    for times, areas in zip(one.times, one.areas, strict=True):
        assert times[0] == 0 and times.size == 4 and abs(times[-1] - 300) < 1
        np.testing.assert_array_equal(areas[0], sample.area)
        assert (areas.sum(axis=1) == (sample.labels > 0).sum()).all()  # sites of no grain stay so


def test_runs_differ_and_depend_on_seed_name_and_number_alone(tmp_path):
    sample = state()
    one, again = grown(tmp_path / "a", sample), grown(tmp_path / "b", sample)
    assert (one.areas[0] != one.areas[1]).any()
    assert all((left == right).all() for left, right in zip(one.areas, again.areas, strict=True))
    single = grown(tmp_path / "c", sample, SETTINGS | {"growth": SETTINGS["growth"] | {"runs": 1}})
    assert (single.areas[0] == one.areas[0]).all()
    for other in (
        grown(tmp_path / "d", sample, SETTINGS | {"seed": 2}),
        grown(tmp_path / "e", replace(sample, name="maps/b")),
    ):
        assert (other.areas[0] != one.areas[0]).any()


def test_growth_runs_of_the_state_itself_are_replaced(tmp_path):
    sample = grown(tmp_path / "a", state())
    again = grown(tmp_path / "b", sample, SETTINGS | {"seed": 5})
    assert again.runs == ["1", "2"] and (again.areas[0] != sample.areas[0]).any()
    assert again.mean_area == sample.mean_area


def test_a_cut_graph_is_refused(tmp_path):
    cut = k_hop_subgraph(state(), 1)
    with pytest.raises(BadInput, match=r"maps/a@.*: its graph was cut by hops; regrow whole microstructures"):
        list(regrow(tmp_path / "a", cut, SETTINGS))


def test_a_damaged_folder_is_rejected_with_its_reason(tmp_path):
    sample = state()
    list(regrow(tmp_path / "a", sample, SETTINGS))
    path, *runs = regrown_files(tmp_path / "a")
    runs[0].write_bytes(runs[0].read_bytes()[:500])
    with pytest.raises(BadInput, match="cut short"):
        regrown.read(tmp_path / "a", "a")
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="not an HDF5 file"):
        regrown.read(tmp_path / "a", "a")


def recipe(folder, seeds, **changes):
    """The recipe of one shard of states, with changes; the shard lies beside it."""
    folder.mkdir(exist_ok=True)
    states = [replace(state(seed), name=f"maps/{seed}", group=f"maps/{seed}") for seed in seeds]
    shards.write(folder / "graphs.h5", states)
    path = folder / "recipe.json"
    growth = SETTINGS["growth"] | {"time": 30000, "runs": 40}
    path.write_text(json.dumps({"parameters": {"regrow": SETTINGS | {"growth": growth}}, "sources": "1"} | changes))
    return path


def started(folder, seeds):
    """The program for one shard at work."""
    program = [sys.executable, "-m", "scripts.regrow", "--recipe", str(recipe(folder, seeds)), "--name", "grown/0000"]
    program += ["--graphs", str(folder / "graphs.h5")]
    arguments = ["--out", str(folder / "0000"), "--manifest", str(folder / "0000.json")]
    return subprocess.Popen([*program, *arguments], cwd=ROOT)


def finish(folder, seeds, **changes):
    """Run the program to its end, in this process."""
    given = {"name": "grown/0000", "out": folder / "0000", "manifest": folder / "0000.json"}
    read = Recipe(recipe(folder, seeds, **changes))
    scripts.regrow.main(SimpleNamespace(recipe=read, graphs=folder / "graphs.h5", **given))


def made(folder):
    """The content of the shard's growth runs and their manifest, by path."""
    paths = [folder / "0000.json", *(folder / "0000").rglob("*")]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path.is_file()}


def kept(folder):
    """The growth runs that an interrupted job has finished, with the times at which they were."""
    runs = folder.glob(".0000.*.kept/maps/*/run_*/stats.h5")
    return {str(run.relative_to(folder)): run.stat().st_mtime_ns for run in runs}


def killed_after(least, folder, seeds):
    process = started(folder, seeds)
    while process.poll() is None and len(kept(folder)) < least:
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (folder / "0000").exists()
    assert len(kept(folder)) >= least


def test_a_killed_job_goes_on_at_its_growth_run_and_gives_the_same_bytes(tmp_path):
    seeds = (0, 1, 2)
    finish(tmp_path / "undisturbed", seeds)
    killed = tmp_path / "killed"
    for least in (1, 25):
        before = kept(killed)
        killed_after(least, killed, seeds)
        assert {run: kept(killed)[run] for run in before} == before  # nothing is made twice
    folder = next(killed.glob(".0000.*.kept"))
    (folder / "maps" / "0" / "run_1" / ".stats.h5.1.partial").touch()
    finish(killed, seeds)
    assert made(killed) == made(tmp_path / "undisturbed")
    assert sorted(path.name for path in killed.iterdir()) == ["0000", "0000.json", "graphs.h5", "recipe.json"]


@pytest.mark.parametrize(("seeds", "changes"), [((0, 1, 3), {}), ((0, 1, 2), {"sources": "2"})])
def test_growth_runs_kept_for_other_states_or_another_recipe_are_not_used(tmp_path, seeds, changes):
    folder = tmp_path / "shard"
    killed_after(1, folder, (0, 1, 2))
    run = next(folder.glob(".0000.*.kept/maps/*/run_*"))
    (run / "mark").touch()  # a run that is made anew does not have it
    finish(folder, seeds, **changes)
    assert not list(folder.rglob("mark"))
    assert not kept(folder)
