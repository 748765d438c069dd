"""Batches that share out their states by forecast cost: the same states, evenly, each once."""

import itertools
import json
import os
import signal
import time
from types import SimpleNamespace

import numpy as np
import pytest

from graincast.files import hard_links
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, BadInput
from graincast.potts import dataset, forecast, protocol
from graincast.potts.batches import batches, block_of, blocks, shared_out
from graincast.program.recipe import Recipe
from scripts import initialise, simulate
from tests.unit.test_simulated_batches import SIMULATE

OF_STATES = {key: SIMULATE[key] for key in ("seed", "size", "red_fraction", "initial")}
OF_GROWTH = {key: value for key, value in SIMULATE.items() if key not in ("size", "red_fraction", "initial")}
BATCHES = {"0004": [9, 10], "0005": [11, 12], "0006": [13, 13]}


def test_blocks_are_consecutive_batches_and_more_states_change_no_complete_one():
    found = blocks(batches(105, 10), 4)
    assert {block: list(of) for block, of in found.items()} == {
        "0000": ["0000", "0001", "0002", "0003"],
        "0001": ["0004", "0005", "0006", "0007"],
        "0002": ["0008", "0009", "0010"],
    }
    assert found["0002"]["0010"] == (101, 105)
    assert all(block_of(batch, 4) == block for block, of in found.items() for batch in of)
    more = blocks(batches(1000, 10), 4)
    assert [found[block] == more[block] for block in found] == [True, True, False]


@pytest.mark.parametrize(("states", "most"), [(32, 8), (29, 8), (25, 8), (4, 1), (1, 5), (1000, 250)])
def test_each_state_goes_to_one_batch_which_is_not_too_large(states, most):
    jobs = -(-states // most)
    cost = np.random.default_rng(states).lognormal(0, 1, states)
    shares = shared_out(cost, jobs, most)
    assert sorted(itertools.chain(*shares)) == list(range(states))
    assert all(1 <= len(share) <= most and share == sorted(share) for share in shares)


def test_costs_are_shared_out_more_evenly_than_by_number():
    rng = np.random.default_rng(0)
    for _ in range(50):
        cost = rng.lognormal(0, 0.7, 64)
        balanced = np.array([cost[share].sum() for share in shared_out(cost, 8, 8)])
        assert balanced.max() <= cost.reshape(8, 8).sum(axis=1).max()
        assert balanced.max() < 1.25 * balanced.mean() or balanced.max() < 1.25 * cost.max()


def test_without_a_limit_no_job_exceeds_the_best_by_more_than_a_third():
    """Graham's bound of longest processing time first: (4 - 1 / jobs) / 3 times the best."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        cost = rng.integers(1, 100, 8).astype(float)
        best = min(
            max(sum(cost[i] for i in range(8) if side[i] == job) for job in range(2))
            for side in itertools.product(range(2), repeat=8)
        )
        assert max(cost[share].sum() for share in shared_out(cost, 2, 8)) <= (4 - 1 / 2) / 3 * best


def state(red: set[tuple[int, int]], size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    """A candidate of 3 x 3 sites, a blue grain around it, and red sites."""
    labels = np.full((size, size), 2, np.int32)
    labels[:3, :3] = 1
    for site in red:
        labels[site] = 3
    return labels, np.array([0, CANDIDATE, LOW_MOBILITY, HIGH_MOBILITY], np.int8)


def test_the_forecast_is_that_of_the_formula():
    labels, types = state({(1, 5), (4, 1), (10, 1)})  # 4, 3 and 3 sites from (1, 1), the last across the border
    assert forecast.cost(labels, types) == pytest.approx(3 * (1 / 16 + 2 / 9) ** 1.5, rel=1e-5)


def test_the_forecast_does_not_depend_on_the_place_on_the_torus():
    labels, types = state({(1, 5), (4, 4), (7, 9)})
    for shift in [(0, 1), (11, 5), (6, 6)]:
        moved = np.roll(labels, shift, (0, 1))
        assert forecast.cost(moved, types) == pytest.approx(forecast.cost(labels, types), rel=1e-5)
        assert forecast.cost(np.rot90(moved), types) == pytest.approx(forecast.cost(labels, types), rel=1e-5)


def test_red_grains_make_growth_dearer_the_nearer_they_are_and_none_is_no_error():
    none, far, near = (forecast.cost(*state(red)) for red in (set(), {(7, 7)}, {(4, 4)}))
    assert 0 < none <= far < near


def test_the_forecast_tells_cheap_growth_runs_from_dear_ones():
    settings = {"temperature": 0.9, "quench_temperature": 0.1, "quench_time": 3}
    foreseen, flips = [], []
    for seed in range(40):
        labels = protocol.initialise(64, time=30, seed=seed, **settings)
        types = protocol.assign_types(labels, 0.3, seed=seed)
        foreseen.append(forecast.cost(labels, types))
        flips.append(protocol.grow(labels, types, temperature=0.9, record_times=[0, 50000], seed=seed).events)
    assert np.corrcoef(np.log(foreseen), np.log(flips))[0, 1] > 0.3


def recipe(path, **parameters):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"parameters": parameters, "sources": "1"}))
    return Recipe(path)


def make_states(folder):
    """The initial states of a block, and which batch takes which."""
    given = recipe(folder / "initial.recipe", simulate=OF_STATES, batches=BATCHES)
    out, shares = folder / "initial" / "0001", folder / "initial" / "0001.json"
    initialise.main(SimpleNamespace(recipe=given, name="made/0001", out=out, shares=shares))
    return out, shares


def grow(folder, batch, initial, shares):
    given = recipe(folder / f"{batch}.recipe", simulate=OF_GROWTH, batch=batch)
    out, manifest = folder / batch, folder / f"{batch}.json"
    names = {"name": f"made/{batch}", "out": out, "manifest": manifest}
    simulate.main(SimpleNamespace(recipe=given, initial=initial, shares=shares, **names))
    return out


def content(folder):
    return {one.relative_to(folder).as_posix(): one.read_bytes() for one in folder.rglob("*") if one.is_file()}


def test_balanced_batches_hold_the_same_states_and_runs_to_the_byte(tmp_path):
    initial, shares = make_states(tmp_path)
    content_of_shares = json.loads(shares.read_text())
    assert list(content_of_shares["batches"]) == list(BATCHES)
    assert sorted(itertools.chain(*content_of_shares["batches"].values())) == list(range(9, 14))
    balanced = {}
    for batch, numbers in content_of_shares["batches"].items():
        out = grow(tmp_path, batch, initial, shares)
        listed = [run["name"] for run in json.loads((tmp_path / f"{batch}.json").read_text())["runs"]]
        assert listed == sorted(one.name for one in out.iterdir()) == [dataset.name_of(number) for number in numbers]
        balanced |= content(out)
    dataset.simulate(tmp_path / "alone", range(9, 14), SIMULATE, "simulate")
    assert balanced == content(tmp_path / "alone")


def test_half_of_what_balanced_batches_need_is_refused(tmp_path):
    initial, _ = make_states(tmp_path)
    with pytest.raises(BadInput, match="--initial and --shares belong together"):
        grow(tmp_path, "0004", initial, None)


def test_states_are_copied_where_they_cannot_be_linked(tmp_path, monkeypatch):
    initial, shares = make_states(tmp_path)
    linked = grow(tmp_path / "linked", "0004", initial, shares)
    files = list(linked.rglob("initial.dream3d"))
    assert files and all(one.stat().st_nlink > 1 for one in files)

    def refused(*_, **__):
        raise PermissionError("another owner's file")

    monkeypatch.setattr(hard_links.os, "link", refused)
    copied = grow(tmp_path / "copied", "0004", initial, shares)
    assert content(copied) == content(linked)
    assert all(one.stat().st_nlink == 1 for one in copied.rglob("initial.dream3d"))


def test_runs_of_other_initial_states_are_not_kept(tmp_path):
    initial, shares = make_states(tmp_path)
    process = os.fork()
    if not process:
        grow(tmp_path, "0004", initial, shares)
        os._exit(0)
    while not list(tmp_path.glob(".0004.*.kept/run-*")) and not (tmp_path / "0004").exists():
        time.sleep(0.002)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    for run in tmp_path.glob(".0004.*.kept/run-*"):
        (run / "mark").touch()
    shares.write_text(shares.read_text() + "\n")
    assert not list(grow(tmp_path, "0004", initial, shares).rglob("mark"))
