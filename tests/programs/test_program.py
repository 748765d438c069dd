"""Programs end quietly, or with one line and exit status 1."""

import argparse
import errno
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from graincast.microstructure import BadInput
from graincast.program import main as program
from tests.recipes import recipe_file

ROOT = Path(__file__).parents[2]


def ended(main, monkeypatch, capsys, *arguments) -> tuple[int, str]:
    """Exit status and standard error of a program with one argument, --n."""
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    parser = program.parser("x", "A test.")
    parser.add_argument("--n", type=program.from_json, default=1)
    status = 0
    try:
        program.run(main, parser)
    except SystemExit as stop:
        status = stop.code
    return status, capsys.readouterr().err


def raising(error):
    def main(_):
        raise error

    return main


def test_a_program_that_works_is_quiet(monkeypatch, capsys):
    values = []
    assert ended(lambda args: values.append(args.n), monkeypatch, capsys, "--n", '{"a": [1]}') == (0, "")
    assert values == [{"a": [1]}]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (BadInput("two candidate\n  grains"), "two candidate grains"),
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "/a/b"), "/a/b: No such file or directory"),
        (OSError(errno.ENOSPC, "No space left on device"), "output: No space left on device; free some space and run"),
        (PermissionError(errno.EACCES, "Permission denied", "x"), "x: Permission denied; check its permissions"),
        (OSError("truncated\nfile"), "truncated file"),
    ],
)
def test_bad_input_and_file_errors_become_one_line(monkeypatch, capsys, error, line):
    status, text = ended(raising(error), monkeypatch, capsys)
    assert status == 1
    assert text.startswith(f"python -m scripts.x: error: {line}")
    assert text.count("\n") == 1


@pytest.mark.parametrize("where", ["missing.h5", "missing/out.h5", "."])
def test_hdf5_errors_name_the_file_in_one_line(monkeypatch, capsys, tmp_path, where):
    path = tmp_path / where
    status, text = ended(lambda _: h5py.File(path, "w" if where == "missing/out.h5" else "r"), monkeypatch, capsys)
    remedy = "Is a directory; name a file in it" if where == "." else "No such file or directory; correct the path"
    assert (status, text) == (1, f"python -m scripts.x: error: {path}: {remedy}\n")


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch, capsys):
    with pytest.raises(KeyError):
        ended(raising(KeyError("x")), monkeypatch, capsys)


def test_a_reader_that_has_gone_is_no_error():
    """As in `graincast … | head`."""
    command = [sys.executable, "-m", "graincast", "config", "config/config.yaml"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 128 + signal.SIGPIPE


@pytest.mark.parametrize(("told", "used"), [({}, "1"), ({"OMP_NUM_THREADS": "2"}, "2")])
@pytest.mark.parametrize("imported", ["before", "later"])
def test_a_program_uses_one_thread_unless_told_otherwise(told, used, imported):
    code = """if True:
        import sys
        if sys.argv.pop() == "before":
            import torch
        from graincast.program import main

        def count(_):
            import torch
            print(torch.get_num_threads())

        main.run(count, main.parser("x", "A test."))
    """
    environment = {name: value for name, value in os.environ.items() if name != "OMP_NUM_THREADS"} | told
    program = [sys.executable, "-c", code, imported]
    assert subprocess.run(program, capture_output=True, text=True, env=environment, cwd=ROOT).stdout == f"{used}\n"


def test_an_argument_that_is_not_json_is_refused(monkeypatch, capsys):
    status, text = ended(lambda _: None, monkeypatch, capsys, "--n", "{a}")
    assert status == 2
    assert text.startswith("python -m scripts.x: error: argument --n: '{a}' is not JSON: ")
    assert text.endswith("; --help explains the arguments\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"hops": 1}', "lacks seed (keys: hops, seed)"),
        ('{"hops": 1, "seed": 0, "lr": 1}', "has an unknown key lr (keys: hops, seed)"),
        ("[1]", "'[1]' is not a JSON object of hops, seed"),
        ("{1", "'{1' is not JSON"),
    ],
)
def test_json_with_other_keys_is_a_wrong_argument(text, expected):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(expected)}"):
        program.json_with("hops", "seed")(text)
    assert program.json_with("hops")('{"hops": 1}') == {"hops": 1}


def run_with_file_limit(tmp_path, size: int, code: str) -> subprocess.CompletedProcess:
    """Run a program that may write files of at most this size, as if the disk were full."""
    program_text = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        f"import sys; sys.argv = ['x', {str(tmp_path / 'out')!r}]\n"
        f"import numpy as np, torch\nfrom pathlib import Path\nfrom graincast.program import main as program\n{code}\n"
        "p = program.parser('x', ''); p.add_argument('out', type=Path); program.run(main, p)"
    )
    return subprocess.run([sys.executable, "-c", program_text], capture_output=True, text=True, cwd=ROOT, check=False)


WRITERS = {
    "shard": "from graincast.graphs.shards import write\nfrom tests.tables import microstructure\n"
    "def main(args): write(args.out / 'f', [microstructure(str(i), i) for i in range(20)])",
    "features": "from graincast.features.table import write\nfrom tests.tables import feature_table\n"
    "def main(args): write(args.out / 'f', feature_table(40))",
    "growth run": "from graincast.raw.spparks_writing import write_stats\n"
    "def main(args): write_stats(args.out / 'f', np.arange(2000), np.zeros((2000, 50), int))",
    "models": "from graincast.files import nested\nform = {'format': 'x', 'version': 1}\n"
    "def main(args): nested.write(args.out / 'f', form, {'a': np.random.default_rng(0).random(5000)}, {})",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_ends_in_one_line_and_leaves_nothing(tmp_path, writer):
    ended_early = run_with_file_limit(tmp_path, 5000, WRITERS[writer])
    assert (ended_early.returncode, ended_early.stdout) == (1, "")
    assert ended_early.stderr.startswith("python -m scripts.x: error: ")
    assert ended_early.stderr.endswith(": File too large\n")
    assert ended_early.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


TRAIN = ["scripts.train", "--name", "a/b", "--features", "f.h5", "--split", "s.csv", "--out", "x"]
PARAMETERS = {"model": "sgc", "target": {}, "grid": {}, "training": {"iterations": 1, "evaluate_every": 1}}


@pytest.mark.parametrize(
    ("arguments", "parameters", "expected"),
    [
        (["graincast", "draw", "README.md", "--out", "x"], None, "README.md: not an HDF5 file, or cut short"),
        (["graincast", "config", "config/config.yaml", "dataset"], None, "no section 'dataset'; did you mean 'data"),
        (TRAIN, None, "the following arguments are required: --recipe"),
        (TRAIN, {"model": "sgc"}, "the parameters lack target (keys: model, target, grid, training)"),
        (TRAIN, {**PARAMETERS, "grids": {}}, "the parameters have an unknown key grids (keys: model, target"),
        (
            TRAIN,
            {**PARAMETERS, "grid": {"hop": [1]}},
            "grid: has an unknown key hop (sgc takes threshold, feature_subset",
        ),
        (TRAIN, {**PARAMETERS, "grid": {"seed": 1}}, "grid: seed is 1, not a list of values"),
        (TRAIN, {**PARAMETERS, "training": {}}, "training: lacks iterations, evaluate_every (sgc takes"),
        (TRAIN, PARAMETERS, "grid: lacks propagation_steps, learning_rate"),
        (TRAIN, {**PARAMETERS, "model": "sgd"}, "no model 'sgd' in graincast/models"),
    ],
)
def test_programs_run_by_hand_name_the_error_in_one_line(tmp_path, arguments, parameters, expected):
    if parameters is not None:
        arguments = [*arguments, "--recipe", str(recipe_file(tmp_path / "recipe.json", **parameters))]
    command = [sys.executable, "-m", *arguments]
    refused = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert refused.returncode
    assert expected in refused.stderr
    assert refused.stderr.count("\n") == 1
