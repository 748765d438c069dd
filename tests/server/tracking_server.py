"""A tracking server started as a person does, by docker/tracking-server/serve.py, and programs that call it."""

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

from tests.server.postgresql import PASSWORD, Cluster, free_port

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "docker" / "tracking-server"
ADMIN, ADMIN_PASSWORD = "admin", "of-the-administrator-1"
CLIENT = ("MLFLOW_TRACKING_URI", "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD")


def bare(**given: object) -> dict[str, str]:
    """This environment without any server's or client's settings, and with those given."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith("TRACKING_") and k not in CLIENT}
    return kept | {key: str(value) for key, value in given.items()}


def program(name: str, *arguments: object, **given: object) -> subprocess.CompletedProcess:
    """Run one of the server's programs to its end."""
    command = [sys.executable, PROGRAMS / f"{name}.py", *map(str, arguments)]
    return subprocess.run(command, env=bare(**given), capture_output=True, text=True, timeout=600)


def alive(group: int) -> list[int]:
    """The processes of a group that have not ended (those that nobody has waited for have)."""
    found = []
    for process in psutil.process_iter(["pid", "status"]):
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
    return found


class TrackingServer:
    """A server in a folder; on a cluster's database of the folder's name, or on SQLite."""

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
        end = time.monotonic() + 600
        while self.status("/health") != 200:
            assert self.process.poll() is None and time.monotonic() < end, self.log.read_text()[-3000:]
            time.sleep(0.2)
        return self

    def stop(self) -> None:
        """End it by the signal that service managers send, and see that it ends all of itself."""
        if self.process is None:
            return
        self.process.terminate()
        group, end = self.process.pid, time.monotonic() + 150
        try:
            self.process.wait(150)
            while alive(group) and time.monotonic() < end:
                time.sleep(0.1)
            assert not alive(group), "the server left processes behind"
        finally:
            self.process = None
            with contextlib.suppress(ProcessLookupError):
                os.killpg(group, signal.SIGKILL)

    def request(self, path: str, user: tuple[str, str] | None = None, body: object = None, **headers: str):
        """The status and the text of an answer."""
        request = urllib.request.Request(self.uri + path, headers=headers)
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        if user:
            request.add_header("Authorization", "Basic " + base64.b64encode(":".join(user).encode()).decode())
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()
        except OSError:
            return 0, ""

    def status(self, path: str, user: tuple[str, str] | None = None, **headers: str) -> int:
        return self.request(path, user, **headers)[0]

    def client(self, user: str = ADMIN, password: str = ADMIN_PASSWORD) -> dict[str, str]:
        """The variables by which a person names the server and themself."""
        return dict(zip(CLIENT, (self.uri, user, password), strict=True))

    def told(self, job: Path, what: str = "trials", **client: str) -> subprocess.CompletedProcess:
        """What `python -m scripts.track` makes of a folder."""
        about = {"description": "A made-up experiment", "dataset": "made", "model": "sgc"}
        return track(what, "--folder", str(job), "--about", json.dumps(about), **(client or self.client()))


def track(*arguments: str, timeout: float = 60, **client: str) -> subprocess.CompletedProcess:
    """Run `python -m scripts.track` as a job does."""
    store = {"store": "sqlite:////nonexistent/mlflow.db", "experiment_prefix": "graincast/", "timeout": timeout}
    command = [sys.executable, "-m", "scripts.track", "--tracking", json.dumps(store), *arguments]
    environment = bare(**client) | {"MLFLOW_HTTP_REQUEST_MAX_RETRIES": "1"}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=timeout + 600)
