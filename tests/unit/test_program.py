"""How programs end: quietly, or with one line and exit status 1."""

import errno
import sys

import h5py
import pytest

from graincast import program
from graincast.microstructure import BadInput


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
    assert "argument --n" in text
