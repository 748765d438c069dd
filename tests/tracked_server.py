"""A real MLflow server on loopback, and a proxy in front of it that imitates failing servers."""

import contextlib
import http.client
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

HOP_BY_HOP = ("connection", "transfer-encoding", "content-length", "keep-alive", "host")


def free_port() -> int:
    with contextlib.closing(socket.socket()) as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


@contextlib.contextmanager
def mlflow_server(folder: Path) -> Iterator[str]:
    """Run a server with its SQLite store and artifacts in a folder; yields its address."""
    folder.mkdir(parents=True, exist_ok=True)
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/server.db", "--artifacts-destination", f"{folder}/files"]
    variables = {key: value for key, value in os.environ.items() if not key.startswith("MLFLOW_")}
    variables["MLFLOW_SERVER_ENABLE_JOB_EXECUTION"] = "false"  # job execution would start more processes
    with (folder / "server.log").open("w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log, cwd=folder, env=variables, start_new_session=True)
    address = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 600
        while True:
            try:
                urllib.request.urlopen(f"{address}/health", timeout=5).read()
                break
            except OSError:
                assert process.poll() is None and time.monotonic() < deadline, (folder / "server.log").read_text()
                time.sleep(0.2)
        yield address
    finally:
        os.killpg(process.pid, 9)
        process.wait(30)


class Proxy(ThreadingHTTPServer):
    """Passes the first `working` requests on to a server, then fails.

    failure  None, "cut" (closes the connection), a delay of each answer in seconds (float), an HTTP status (int), or a
             list of statuses, one per answer; the last one repeats
    """

    daemon_threads = True

    def __init__(self, address: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.target = address.removeprefix("http://")
        self.failure: object = None
        self.working, self.count = 0, 0
        self.logins: list[str] = []  # Authorization headers
        self.stopped = threading.Event()
        self.address = f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request, client_address) -> None:
        pass  # clients that disconnected


@contextlib.contextmanager
def proxy(address: str, failure: object = None, working: int = 0) -> Iterator[Proxy]:
    server = Proxy(address)
    server.failure, server.working = failure, working
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.stopped.set()
        server.shutdown()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def _forward(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.server.count += 1
        self.server.logins.append(self.headers.get("Authorization", ""))
        failure = self.server.failure
        if self.server.count > self.server.working and failure is not None:
            if failure == "cut":
                self.close_connection = True
                return
            if isinstance(failure, list):
                failure = failure.pop(0) if len(failure) > 1 else failure[0]
            if isinstance(failure, int):
                self._answer(failure, [], b'{"error_code": "INTERNAL_ERROR", "message": "refused"}')
                return
            self.server.stopped.wait(failure)
        connection = http.client.HTTPConnection(self.server.target, timeout=60)
        headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
        connection.request(self.command, self.path, body, headers)
        response = connection.getresponse()
        content = response.read()
        self._answer(response.status, response.getheaders(), content)
        connection.close()

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = do_HEAD = _forward

    def _answer(self, status: int, headers: list, content: bytes) -> None:
        self.send_response(status)
        for key, value in headers:
            if key.lower() not in (*HOP_BY_HOP, "date", "server"):
                self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_) -> None:
        pass
