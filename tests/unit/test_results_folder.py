"""A results folder that cannot be written is refused before anything runs, with the reason and the remedy."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from graincast.microstructure import BadInput
from graincast.planning import lock, results_folder

NOBODY = 65534


@pytest.fixture(autouse=True)
def project(monkeypatch) -> Iterator[Path]:
    """A project folder, which is the working directory, and which every user can enter."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name).resolve()
        folder.chmod(0o755)
        monkeypatch.chdir(folder)
        yield folder


def message(user: int | None = None) -> str:
    """What refuses the results folder, to another user if one is given; "" where it is accepted."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        if user is not None:
            os.setgroups([])
            os.setresuid(user, user, user)
        try:
            results_folder.check()
        except BaseException as error:
            os.write(writing, f"{type(error).__name__}: {error}".encode())
        os._exit(0)
    os.close(writing)
    os.waitpid(child, 0)
    with os.fdopen(reading) as stream:
        return stream.read().removeprefix("BadInput: ")


def test_a_folder_or_none_is_accepted(project):
    assert message() == ""
    (project / "results/recipes").mkdir(parents=True)
    assert message() == ""
    assert lock.take()
    lock._held.clear()


def test_a_file_is_no_folder(project):
    (project / "results").touch()
    assert message() == "results: a file, where results need a folder; move it away"
    with pytest.raises(BadInput, match="move it away"):
        lock.take()
    (project / "results").unlink()
    (project / "results").mkdir()
    (project / "results/datasets").touch()
    assert message() == "results/datasets: a file, where results need a folder; move it away"


def test_a_dangling_link_says_where_it_leads(project):
    (project / "results").symlink_to("/nowhere/scratch")
    assert message() == "results: a link to /nowhere/scratch, which is not there; make that folder, or remove the link"


@pytest.mark.skipif(os.getuid() != 0, reason="acts as another user")
def test_folders_of_another_user_are_named_with_both_users(project):
    assert message(NOBODY) == (
        f"results cannot be made, as {project} belongs to root and cannot be written by nobody; change its "
        "owner or mode, or work in a clone of your own (datasets.<name>.results reuses somebody else's results)"
    )
    (project / "results/experiments").mkdir(parents=True)
    assert message(NOBODY).startswith("results belongs to root and cannot be written by nobody; change its owner")
    os.chown(project / "results", NOBODY, NOBODY)
    assert message(NOBODY).startswith("results/experiments belongs to root and cannot be written by nobody")
    os.chown(project / "results/experiments", NOBODY, NOBODY)
    assert message(NOBODY) == ""
    (project / "results").chmod(0o500)
    assert message(NOBODY) == (
        "results is write-protected; allow writing with chmod -R u+w results, or "
        "make results a link to a folder that you can write (ln -s FOLDER results)"
    )


def test_a_read_only_file_system_is_called_so(project):
    (project / "results").mkdir()
    mount = "mount --bind results results && mount -o remount,bind,ro results"
    check = f"{sys.executable} -c 'from graincast.planning import results_folder; results_folder.check()'"
    script = ["unshare", "--mount", "--map-root-user", "sh", "-c", f"{mount} && echo mounted && {check}"]
    root = Path(__file__).parents[2]
    done = subprocess.run(script, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(root)})
    if "mounted" not in done.stdout:
        pytest.skip(f"no mount namespace for this user: {done.stderr}")
    expected = "BadInput: results is on a read-only file system; mount it for writing, or make results a link"
    assert expected in done.stderr
