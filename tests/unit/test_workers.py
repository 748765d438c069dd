"""Work in several processes: in order, few items at once, errors raised here, and nothing left behind."""

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.program.workers import WAITING, in_order
from tests.tables import microstructure

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("processes", [1, 3])
def test_results_are_in_the_order_of_the_items(processes):
    found = list(in_order(lambda i: (i, i * i, os.getpid()), range(50), processes))
    assert [one[:2] for one in found] == [(i, i * i) for i in range(50)]
    pids = {one[2] for one in found}
    assert (pids == {os.getpid()}) == (processes == 1) and len(pids) <= processes


def test_few_items_are_taken_before_they_are_needed():
    taken = []
    results = in_order(abs, (taken.append(i) or i for i in range(100)), 2)
    for needed in range(100):
        assert next(results) == needed
        assert len(taken) <= needed + WAITING * 2


@pytest.mark.parametrize("processes", [1, 2])
def test_an_error_is_raised_here(processes):
    def work(i: int) -> int:
        if i == 3:
            raise BadInput("three")
        return i

    results = in_order(work, range(10), processes)
    with pytest.raises(BadInput, match="three"):
        list(results)


def test_maps_and_their_samples_go_to_other_processes(tmp_path):
    graphs = [microstructure(f"m{i}", seed=i) for i in range(5)]
    shards.write(tmp_path / "0.h5", graphs)
    found = in_order(lambda one: [sample.name for sample in one[1]], shards.read_maps(tmp_path / "0.h5"), 2)
    assert list(found) == [[one.name] for one in graphs]


def test_the_processes_end_with_one_that_is_killed(tmp_path):
    program = textwrap.dedent("""
        import os, sys, time
        from pathlib import Path
        from graincast.program.workers import in_order
        def work(i):
            Path(sys.argv[1], str(os.getpid())).touch()
            time.sleep(600)
        list(in_order(work, range(2), 2))
    """)
    process = subprocess.Popen([sys.executable, "-c", program, tmp_path], cwd=ROOT)
    try:
        until(lambda: len(list(tmp_path.iterdir())) == 2)
        workers = [Path("/proc", one.name) for one in tmp_path.iterdir()]
        assert all(worker.exists() for worker in workers)
    finally:
        process.kill()
        process.wait()
    until(lambda: not any(worker.exists() for worker in workers))


def until(condition: Callable[[], bool]) -> None:
    """Wait for a condition. Fails after a minute without it."""
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
