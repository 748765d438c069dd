"""Passwords and tokens show nowhere: not in what is printed, noted, stored, configured or named."""

import json
import os
import subprocess
import sys

import pytest

from graincast.tracking import addresses
from tests.tracked import ABOUT, ROOT, copied, job_of, settings_of
from tests.tracked_server import proxy

PLANTED = {"MLFLOW_TRACKING_USERNAME": "planted-user", "MLFLOW_TRACKING_PASSWORD": "planted-word"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "planted-token"}
LOGIN = "planted-user:planted-word@"


def told(root, address: str, variables: dict) -> str:
    """What the program of both steps, and then a sync, prints and leaves: all of it as one text."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment = {**clean, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **variables, "MLFLOW_TRACKING_URI": address}
    code = (
        "import sys, runpy\nfor sys.argv in ({!r}):\n    try: runpy.run_module('scripts.track', run_name='__main__')\n"
    )
    code += "    except SystemExit as stop: assert not stop.code, stop.code\n"
    start = ["track", "--tracking", json.dumps(settings_of(root))]
    ends = [["trials", "--folder", str(job_of(root))], ["experiment", "--folder", str(job_of(root).parents[1])]]
    commands = [[*start, *end, "--about", json.dumps(ABOUT)] for end in ends]
    commands += [[*start, "sync", "--results", str(root / "results"), "--never-fail"]]
    command = [sys.executable, "-c", code.format(commands)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr + everything(root)


def everything(folder) -> str:
    """The names and contents of all files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(f"{path}\n{path.read_bytes().decode('latin-1')}\n" for path in files)


@pytest.mark.parametrize(("login", "variables"), [("", PLANTED), ("", TOKEN), (LOGIN, {})])
def test_a_server_that_refuses_is_told_of_without_the_secret(made, tmp_path, login, variables):
    """The trials' program is refused by 401, the sync after it by 500."""
    root = copied(made, tmp_path / "root")
    with proxy("http://127.0.0.1:1", [401, 500]) as server:
        text = told(root, server.address.replace("://", f"://{login}"), variables)
        assert any(seen.startswith(("Basic", "Bearer")) for seen in server.seen)  # it was given to the server
    assert "planted" not in text
    assert text.count("tracking: not sent") == 2


def test_what_a_server_takes_holds_no_secret(made, server, server_folder, tmp_path):
    root = copied(made, tmp_path / "root")
    with proxy(server) as between:
        text = told(root, between.address.replace("://", f"://{LOGIN}"), {"MLFLOW_FLASK": "x"})
        assert "not sent" not in text and not list(root.rglob("unsent.json"))
    assert "planted" not in text
    assert "planted" not in everything(server_folder)


def test_a_configured_store_with_a_login_is_refused_without_repeating_it(tmp_path):
    text = (ROOT / "config" / "config.yaml").read_text() + f"\ntracking: {{store: 'https://{LOGIN}example.org'}}\n"
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "experiments").symlink_to(ROOT / "config" / "experiments")
    command = [sys.executable, "-m", "graincast", "config", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "planted" not in done.stdout + done.stderr
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in done.stderr


def test_masks():
    secret = {"MLFLOW_TRACKING_TOKEN": "s3cret"}
    masked = addresses.masked("at http://a:b@c/d with s3cret, not http://c/d@e", secret)
    assert masked == "at http://…@c/d with …, not http://c/d@e"
    assert addresses.has_login("postgresql://me:word@host/db")
    assert not addresses.has_login("sqlite:///a@b/mlflow.db")
