"""A web server of files in memory on this machine, with faults on request."""

import re
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import unquote, urlsplit


class FileServer(ThreadingHTTPServer):
    """Serves `content` by path.

    faults    by path, what goes wrong in its next requests, one each: "cut" (half of the answer), "other" (other
              bytes), "longer", "part" (another part than asked for), "hang up", a status such as "503", or a path to
              be redirected to; "hold" sends half and waits for `release`
    ranges    whether parts of files are sent
    requests  the requests so far: paths as given, and Range headers
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content: dict[str, bytes] = {}
        self.faults: dict[str, list[str]] = defaultdict(list)
        self.ranges = True
        self.requests: list[tuple[str, str]] = []
        self.release = threading.Event()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def asked(self, path: str) -> list[str]:
        """The Range headers of the requests for a path, in order."""
        return [part for asked, part in self.requests if asked == path]


class _Handler(BaseHTTPRequestHandler):
    server: FileServer

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        wanted = self.headers.get("Range", "")
        self.server.requests.append((self.path, wanted))
        path = unquote(urlsplit(self.path).path)
        fault = self.server.faults[path].pop(0) if self.server.faults[path] else ""
        if fault == "hang up":
            return
        if fault.startswith("/"):
            self.send_response(302)
            self.send_header("Location", self.server.address + fault)
            self.end_headers()
            return
        if fault.isdigit() or path not in self.server.content:
            self.send_error(int(fault or 404))
            return
        body = self.server.content[path]
        body = {"other": bytes(len(body)), "longer": body + b"and more"}.get(fault, body)
        start = int(match[1]) if self.server.ranges and (match := re.fullmatch(r"bytes=(\d+)-", wanted)) else 0
        if start >= len(body):
            self.send_error(416)
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start + (fault == 'part')}-{len(body) - 1}/{len(body)}")
        if fault != "longer":
            self.send_header("Content-Length", str(len(body) - start))
        self.end_headers()
        body = body[start:]
        half = len(body) // 2
        self.wfile.write(body[:half] if fault in ("cut", "hold") else body)
        if fault == "hold":
            self.wfile.flush()
            self.server.release.wait()


@contextmanager
def file_server() -> Iterator[FileServer]:
    """A running server, which ends with the block."""
    with FileServer() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield server
        finally:
            server.release.set()
            server.shutdown()
            thread.join()
