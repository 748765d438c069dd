"""How programs end: quietly, or with one line and exit status 1."""

import argparse
import errno
import re
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

from graincast.microstructure import BadInput
from graincast.program import main as program

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
    given = []
    assert ended(lambda args: given.append(args.n), monkeypatch, capsys, "--n", '{"a": [1]}') == (0, "")
    assert given == [{"a": [1]}]


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
def test_bad_input_and_files_end_as_one_line(monkeypatch, capsys, error, line):
    status, text = ended(raising(error), monkeypatch, capsys)
    assert status == 1
    assert text.startswith(f"python -m scripts.x: error: {line}")
    assert text.count("\n") == 1


@pytest.mark.parametrize("where", ["missing.h5", "missing/out.h5", "."])
def test_errors_of_hdf5_name_the_file_in_one_line(monkeypatch, capsys, tmp_path, where):
    path = tmp_path / where
    status, text = ended(lambda _: h5py.File(path, "w" if where == "missing/out.h5" else "r"), monkeypatch, capsys)
    reason = "Is a directory" if where == "." else "No such file or directory"
    assert (status, text) == (1, f"python -m scripts.x: error: {path}: {reason}\n")


def test_a_mistake_in_the_program_keeps_its_traceback(monkeypatch, capsys):
    with pytest.raises(KeyError):
        ended(raising(KeyError("x")), monkeypatch, capsys)


def test_json_that_is_none_is_a_wrong_argument(monkeypatch, capsys):
    status, text = ended(lambda _: None, monkeypatch, capsys, "--n", "{a}")
    assert status == 2
    assert text.startswith("python -m scripts.x: error: argument --n: '{a}' is not JSON: ")
    assert text.endswith("; --help explains the arguments\n")
    assert text.count("\n") == 1


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"hops": [1]}', "lacks seed (keys: hops, seed, share)"),
        ('{"hops": [1], "seed": [0], "lr": [1]}', "has an unknown key lr (keys: hops, seed, share)"),
        ('{"hops": 1, "seed": [0]}', "has 1 for hops, not a list (keys: hops, seed, share)"),
        ('{"hops": [], "seed": [0]}', "has [] for hops, not a list (keys: hops, seed, share)"),
        ("[1]", "'[1]' is not a JSON object of hops, seed"),
        ("{1", "'{1' is not JSON"),
    ],
)
def test_json_with_other_keys_is_a_wrong_argument(text, expected):
    with pytest.raises(argparse.ArgumentTypeError, match=f"^{re.escape(expected)}"):
        program.json_with("hops", "seed", optional=["share"], lists=True)(text)
    assert program.json_with("hops", optional=["share"])('{"hops": 1}') == {"hops": 1}


def sized(tmp_path, size: int, code: str) -> subprocess.CompletedProcess:
    """Run a program that may write files of at most this size, as if the disk were full."""
    text = (
        f"import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
        f"import sys; sys.argv = ['x', {str(tmp_path / 'out')!r}]\n"
        f"import numpy as np, torch\nfrom pathlib import Path\nfrom graincast.program import main as program\n{code}\n"
        "p = program.parser('x', ''); p.add_argument('out', type=Path); program.run(main, p)"
    )
    return subprocess.run([sys.executable, "-c", text], capture_output=True, text=True, cwd=ROOT, check=False)


WRITERS = {
    "shard": "from graincast.graphs.shards import write\nfrom tests.tables import microstructure\n"
    "def main(args): write(args.out / 'f', [microstructure(str(i), i) for i in range(20)])",
    "features": "from graincast.features.table import write\nfrom tests.tables import feature_table\n"
    "def main(args): write(args.out / 'f', feature_table(40))",
    "growth run": "from graincast.raw.spparks_writing import write_stats\n"
    "def main(args): write_stats(args.out / 'f', np.arange(2000), np.zeros((2000, 50), int))",
    "models": "from graincast.experiment.trained import save\ndef main(args): save(args.out / 'f', torch.zeros(5000))",
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_file_that_cannot_be_written_to_its_end_is_one_line_and_leaves_nothing(tmp_path, writer):
    done = sized(tmp_path, 5000, WRITERS[writer])
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("python -m scripts.x: error: ")
    assert done.stderr.endswith(": File too large\n")
    assert done.stderr.count("\n") == 1
    assert list((tmp_path / "out").iterdir()) == []


BY_HAND = ["--name", "a/b", "--features", "f.h5", "--split", "s.csv", "--model", "sgc", "--target", "{}"]
BY_HAND += ["--grid", "{}", "--out", "x"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["tools.picture", "--graphs", "README.md", "--out", "x"], "README.md: not an HDF5 file, or cut short"),
        (
            ["graincast", "config", "config/config.yaml", "dataset"],
            "no section 'dataset'; did you mean 'datasets'? (known: ",
        ),
        (
            ["scripts.train", "--target", '{"shares": 1}'],
            "argument --target: has an unknown key shares (keys: kind, grains, ",
        ),
        (
            ["scripts.train", "--grid", '{"hop": [1]}'],
            "argument --grid: has an unknown key hop (keys: threshold, feature_subset, ",
        ),
        (["scripts.train", "--grid", '{"propagation_steps": 1}'], "argument --grid: has 1 for propagation_steps, not"),
        (["scripts.train", *BY_HAND, "--training", "{}"], "--training: sgc takes iterations, evaluate_every"),
        (
            ["scripts.train", *BY_HAND, "--training", '{"iterations": 1, "evaluate_every": 1}'],
            "--grid: sgc wants propagation_steps, learning",
        ),
        (["scripts.train", *BY_HAND, "--training", "{}", "--model", "sgd"], "no model 'sgd' in graincast/models"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else "",
)
def test_programs_by_hand_say_in_one_line_what_is_wrong(arguments, expected):
    name, *rest = arguments
    command = [sys.executable, "-m", name, *rest]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode
    assert expected in done.stderr
    assert done.stderr.count("\n") == 1
