"""Passwords and tokens appear nowhere: not in output, notes, stores, configurations or file names."""

import json
import os
import subprocess
import sys

import pytest

from graincast.tracking import addresses
from tests.recipes import recipe_file
from tests.tracked import ABOUT, ROOT, copied, experiment_of, job_of, settings_of
from tests.tracked_server import proxy

PLANTED = {"MLFLOW_TRACKING_USERNAME": "planted-user", "MLFLOW_TRACKING_PASSWORD": "planted-word"}
TOKEN = {"MLFLOW_TRACKING_TOKEN": "planted-token"}
LOGIN = "planted-user:planted-word@"


def output_and_files(root, address: str, variables: dict) -> str:
    """Everything that both steps and then a sync print, and all files below `root`, as one text."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    environment = {**inherited, "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0", **variables, "MLFLOW_TRACKING_URI": address}
    code = (
        "import sys, runpy\nfor sys.argv in ({!r}):\n    try: runpy.run_module('scripts.track', run_name='__main__')\n"
    )
    code += "    except SystemExit as stop: assert not stop.code, stop.code\n"
    track = ["track", "--tracking", json.dumps(settings_of(root))]
    recipe = str(recipe_file(root / "recipe.json", **ABOUT))
    folders = {"trials": job_of(root), "experiment": experiment_of(root)}
    commands = [
        [*track, step, "--folder", str(folder), "--recipe", recipe, "--out", str(folder / "sent.json")]
        for step, folder in folders.items()
    ]
    commands += [[*track, "sync", "--results", str(root / "results"), "--never-fail"]]
    command = [sys.executable, "-c", code.format(commands)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr + all_files(root)


def all_files(folder) -> str:
    """The names and contents of all files below a folder."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return "".join(f"{path}\n{path.read_bytes().decode('latin-1')}\n" for path in files)


@pytest.mark.parametrize(("login", "variables"), [("", PLANTED), ("", TOKEN), (LOGIN, {})])
def test_a_refusal_is_reported_without_the_secret(original_results, tmp_path, login, variables):
    """The step trials is refused with status 401, and the sync after it with 500."""
    root = copied(original_results, tmp_path / "root")
    with proxy("http://127.0.0.1:1", [401, 500]) as server:
        text = output_and_files(root, server.address.replace("://", f"://{login}"), variables)
        assert any(header.startswith(("Basic", "Bearer")) for header in server.logins)  # the server did receive it
    assert "planted" not in text
    assert text.count("tracking: not sent") == 2


def test_what_a_server_stores_contains_no_secret(original_results, server, server_folder, tmp_path):
    root = copied(original_results, tmp_path / "root")
    with proxy(server) as recorder:
        text = output_and_files(root, recorder.address.replace("://", f"://{LOGIN}"), {"MLFLOW_FLASK": "x"})
        assert "not sent" not in text and not list(root.rglob("unsent.json"))
    assert "planted" not in text
    assert PLANTED["MLFLOW_TRACKING_PASSWORD"] not in all_files(server_folder)  # MLflow notes the user's name


def test_a_configured_store_with_a_login_is_rejected_without_repeating_it(tmp_path):
    text = (ROOT / "config" / "config.yaml").read_text() + f"\ntracking: {{store: 'https://{LOGIN}example.org'}}\n"
    (tmp_path / "config.yaml").write_text(text)
    (tmp_path / "experiments").symlink_to(ROOT / "config" / "experiments")
    command = [sys.executable, "-m", "graincast", "config", str(tmp_path / "config.yaml")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 1
    assert "planted" not in done.stdout + done.stderr
    assert "MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD" in done.stderr


def test_logins_in_addresses_and_secret_variables_are_masked():
    variables = {"MLFLOW_TRACKING_TOKEN": "s3cret"}
    masked = addresses.masked("at http://a:b/x@c/d with s3cret, not sqlite:///a@b/c.db", variables)
    assert masked == "at http://…@c/d with …, not sqlite:///a@b/c.db"
    assert addresses.has_login("postgresql://me:word@host/db")
    assert not addresses.has_login("sqlite:///a@b/mlflow.db")
