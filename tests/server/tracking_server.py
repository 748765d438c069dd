"""A tracking server started by docker/tracking-server/serve.py, as users start it, and programs that call it."""

import base64
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil

from tests.recipes import recipe_file
from tests.server.postgresql import PASSWORD, Cluster, free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "docker" / "tracking-server"
ADMIN, ADMIN_PASSWORD = "admin", "of-the-administrator-1"
CLIENT = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def bare(**settings: object) -> dict[str, str]:
    """The environment without inherited settings of servers and clients, plus `settings`."""
    variables = {
        name: value for name, value in os.environ.items() if not name.startswith("TRACKING_") and name not in CLIENT
    }
    return variables | {name: str(value) for name, value in settings.items()}


def program(name: str, *arguments: object, **settings: object) -> subprocess.CompletedProcess:
    """Run one of the server's programs to its end."""
    command = [sys.executable, PROGRAMS / f"{name}.py", *map(str, arguments)]
    return subprocess.run(command, env=bare(**settings), capture_output=True, text=True, timeout=600)


def alive(group: int) -> list[int]:
    """The running processes of a group; zombies do not count."""
    running = []
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                running.append(process.pid)
    return running


class TrackingServer:
    """A server with its files in a folder, on SQLite or on the cluster's database named after the folder."""

    def __init__(self, folder: Path, cluster: Cluster | None = None, **settings: object) -> None:
        self.folder, self.port, self.process = folder, free_port(), None
        self.log = folder.parent / f"{folder.name}.log"
        self.settings = {
            "TRACKING_FOLDER": folder,
            "TRACKING_PORT": self.port,
            "TRACKING_ADMIN_PASSWORD": ADMIN_PASSWORD,
            **settings,
        }
        if cluster:
            self.settings["TRACKING_DATABASE"] = cluster.address(folder.name)
            self.settings["TRACKING_DATABASE_PASSWORD"] = PASSWORD

    @property
    def uri(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "TrackingServer":
        """Start it and wait until it answers."""
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, PROGRAMS / "serve.py"],
                env=bare(**self.settings),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        deadline = time.monotonic() + 600
        while self.status("/health") != 200:
            assert self.process.poll() is None and time.monotonic() < deadline, self.log.read_text()[-3000:]
            time.sleep(0.2)
        return self

    def stop(self) -> None:
        """Stop it with SIGTERM, as service managers do, and assert that no process is left."""
        if self.process is None:
            return
        self.process.terminate()
        group, deadline = self.process.pid, time.monotonic() + 150
        try:
            self.process.wait(150)
            while alive(group) and time.monotonic() < deadline:
                time.sleep(0.1)
            assert not alive(group), "the server left processes behind"
        finally:
            self.process = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def request(self, path: str, user: tuple[str, str] | None = None, body: object = None, **headers: str):
        """The status and the body of the response; status 0 without a connection."""
        request = urllib.request.Request(self.uri + path, headers=headers)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if user:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(user).encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=30) as response:
                return response.status, response.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self, path: str, user: tuple[str, str] | None = None, **headers: str) -> int:
        return self.request(path, user, **headers)[0]

    def client(self, user: str = ADMIN, password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """The environment variables of a client: address, user name and password."""
        return dict(zip(CLIENT, (self.uri, user, password), strict=True))

    def run_track(self, job: Path, step: str = "trials", **client: str) -> subprocess.CompletedProcess:
        """Log a folder to this server with `python -m scripts.track`."""
        about = {"description": "A made-up experiment", "dataset": "made", "model": "sgc"}
        recipe, out = recipe_file(job / "recipe.json", **about), job / "sent.json"
        arguments = ["--folder", job, "--recipe", recipe, "--out", out]
        return track(step, *map(str, arguments), **(client or self.client()))


def track(*arguments: str, timeout: float = 60, **client: str) -> subprocess.CompletedProcess:
    """Run `python -m scripts.track` as a job does."""
    store = {"store": "sqlite:////nonexistent/mlflow.db", "experiment_prefix": "graincast/", "timeout": timeout}
    command = [sys.executable, "-m", "scripts.track", "--tracking", json.dumps(store), *arguments]
    environment = bare(**client) | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout + 600)
