"""The benchmarks run, their figures are quoted as they were measured, and costs that can be counted stay low."""

import importlib
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from benchmarks import __main__ as bench
from benchmarks import figure, quoted, results
from benchmarks.imports import imported, programs
from benchmarks.memory import extrapolated
from benchmarks.on_paper import taken
from benchmarks.slurm_job import cpu_seconds
from graincast.potts.lattice import Lattice
from graincast.raw import manifest
from graincast.raw.sources import json_graphs

FOLDER = Path(bench.__file__).parent
PARTS = {"__init__", "__main__", "comparison", "figure", "quoted", "results", "slurm_job", "tree_kmc"}


def test_all_benchmarks_are_run_and_can_be_imported():
    assert {path.stem for path in FOLDER.glob("*.py")} - PARTS == {*bench.ALL, *bench.ON_A_CLUSTER}
    for name in (*bench.ALL, *bench.ON_A_CLUSTER):
        assert callable(importlib.import_module(f"benchmarks.{name}").main)


def test_the_documentation_quotes_the_figures_that_were_measured():
    entries = json.loads(results.FILE.read_text())
    quotations = 0
    for page in quoted.pages():
        text = page.read_text()
        assert quoted.renewed(text, entries, page.name) == text, "python -m benchmarks.quoted"
        quotations += text.count("<!--bench: ")
    assert quotations >= 10


def test_quotations_are_renewed_and_wrong_places_refused():
    spread = {"median": 15.46, "lowest": 9.04, "highest": 1200.4, "runs": 3}
    entries = {"a": {"figures": {"b, 256²": {"times faster": spread, "n": 3.0}}}}
    text = "x <!--bench: a > b, 256² > times faster-->old<!--end--> y <!--bench: a > b, 256² > n-->?<!--end-->"
    expected = text.replace("old", "15.5 (9.04 to 1,200)").replace("?", "3.00")
    assert quoted.renewed(text, entries) == expected == quoted.renewed(expected, entries)
    with pytest.raises(KeyError, match=r"README.md: results.json has no a > c"):
        quoted.renewed("<!--bench: a > c-->1<!--end-->", entries, "README.md")


def test_every_comparison_is_drawn(tmp_path):
    names = [name for name, _ in figure.comparisons(json.loads(results.FILE.read_text()))]
    assert len(names) >= 10
    figure.draw(tmp_path / "drawn.svg")
    figure.draw(tmp_path / "again.svg")
    assert (tmp_path / "drawn.svg").read_bytes() == (tmp_path / "again.svg").read_bytes()


def test_memory_is_extrapolated_along_its_line():
    found = extrapolated([1000, 2000, 4000], [110.0, 120.0, 140.0], 101_000)
    assert found["KiB per graph"] == 10.24
    assert found["101000 graphs, GiB"] == round(1110 / 1024, 2)
    assert found["largest deviation from the line, MiB"] == 0
    assert extrapolated([1, 2, 3], [0.0, 9.0, 0.0])["largest deviation from the line, MiB"] == 6


def test_what_a_data_set_takes_on_paper():
    costs = {"simulation, CPU s": 30, "graphs and features, CPU ms": 6000, "epoch, CPU ms": 36, "results, kB": 50}
    found = taken(10_000, costs)
    assert found["simulation, core hours"] == 83.3 and found["graphs and features, core hours"] == 16.7
    assert found["training, core hours"] == 10 and found["storage, GB"] == 0.5 and found["jobs"] == 200
    # training is on one core, and 100 jobs keep no more than 100 cores busy
    assert found["hours on 1 cores"] == 110 and found["hours on 1024 cores"] == 11


@pytest.mark.parametrize(
    ("program", "without"),
    [
        ("measure", {"torch", "mlflow", "sklearn", "matplotlib", "numba", "scipy"}),
        ("graphs", {"torch", "mlflow", "sklearn", "matplotlib", "pandas"}),
        ("features", {"torch", "mlflow", "sklearn", "matplotlib", "pandas"}),
        ("simulate", {"torch", "mlflow", "sklearn", "matplotlib", "pandas"}),
        ("evaluate", {"torch", "mlflow", "sklearn", "matplotlib", "pandas"}),
        ("compare", {"torch", "mlflow", "sklearn", "matplotlib", "pandas"}),
        ("train with logistic", {"torch", "mlflow", "matplotlib", "torch_geometric"}),
        ("train with sgc", {"mlflow", "matplotlib", "torch_geometric", "sklearn", "pandas"}),
    ],
)
def test_programs_import_what_they_use(program, without):
    assert not without & set(imported(programs()[program])["large libraries"].split(", "))


def test_few_draws_are_thrown_away_in_growth():
    """Thinning: a draw that flips no site is work for nothing."""
    rows, columns = np.indices((96, 96)) // 12
    labels = (rows * 8 + columns + 1).astype(np.int32)
    grain_type = np.where(np.arange(65) % 5 == 0, 2, 1).astype(np.int8)
    lattice = Lattice(
        labels,
        grain_type,
        temperature=0.9,
        min_mobility=0.001,
        uniform=False,
        record_times=np.array([0.0, 1e9]),
        stream=np.random.SeedSequence(3),
    )
    lattice.advance(max_events=50_000)
    assert lattice.events == 50_000 <= lattice.draws < 1.25 * lattice.events


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts bytes by /proc")
def test_raw_data_are_read_once_and_unchanged_files_not_again(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "manifests"
    raw.mkdir(), out.mkdir()
    size, count = 100_000, 40
    for i in range(count):
        (raw / f"{i}.json").write_bytes(os.urandom(size))

    def scan() -> int:
        before = bytes_read()
        manifest.scan(raw, json_graphs, lambda run: [run], 4, out)
        return bytes_read() - before

    assert size * count <= scan() < 1.1 * size * count
    assert scan() < 0.1 * size * count


def bytes_read() -> int:
    """What this process has read so far, cached or not."""
    fields = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(fields["rchar"])


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="counts CPU time by /proc")
def test_the_cpu_time_of_a_slurm_job_is_that_of_its_processes():
    burn = "import time\nwhile time.process_time() < 0.2: pass\nprint(); input()"
    process = subprocess.Popen(
        [sys.executable, "-S", "-c", burn],
        env=os.environ | {"SLURM_JOB_ID": "of-this-test"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    process.stdout.readline()
    assert cpu_seconds("of-this-test") >= 0.1  # clock ticks round
    assert cpu_seconds("of-no-job") == 0
    process.communicate(b"\n")
