"""A page in a real browser: what it prints to the console, and what it asks other machines for."""

import contextlib
import os
import re
import shutil
import socket
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests import debian
from tools.chromium import QUIET

NAMES = ("chromium", "chromium-browser", "google-chrome")
ERRAND = re.compile(r"(https?://)?(?!fonts\.)[\w-]+\.(google|googleapis|gvt1)\.com[:/]")
"""Addresses of its errands that are left: the time, updates. No page is served from there."""


@dataclass(frozen=True)
class Visit:
    """What came of a page: its elements as the browser has them, console messages, and addresses asked for."""

    page: str
    console: list[str]
    requests: set[str]


def program() -> str:
    """The browser. Installs Debian's package in CI, or if GRAINCAST_BROWSER_TESTS is set; skips without one."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if not found and debian.may_install("GRAINCAST_BROWSER_TESTS"):
        debian.install("chromium")
        found = shutil.which("chromium")
    if not found:
        assert not os.environ.get("CI"), "no Chromium, and it cannot be installed here"
        pytest.skip("no Chromium here: install Debian's chromium, or set GRAINCAST_BROWSER_TESTS=1 as root")
    return found


def visit(page: Path, profile: Path) -> Visit:
    """Open a file without a window, behind a proxy that notes and refuses whatever is asked for.

    profile  a folder for the browser's own files
    """
    browser = program()
    with proxy() as (port, requests):
        command = [
            browser, "--headless", "--no-sandbox", f"--user-data-dir={profile}", *QUIET,
            f"--proxy-server=http://127.0.0.1:{port}", "--enable-logging=stderr", "--v=0", "--dump-dom", page.as_uri(),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    console = re.findall(r"CONSOLE[:(]\d+\)?\] (.*)", done.stderr)
    return Visit(done.stdout, console, {address for address in requests if not ERRAND.match(address)})


@contextlib.contextmanager
def proxy() -> Iterator[tuple[int, set[str]]]:
    """A port on which each request is refused, and the addresses that were asked for there."""
    requests: set[str] = set()
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    return  # closed
                with connection:
                    first = connection.recv(65536).split(b"\r\n")[0].decode(errors="replace").split(" ")
                    requests.add(first[1] if len(first) > 1 else first[0])
                    connection.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1], requests
        finally:
            listener.shutdown(socket.SHUT_RDWR)
    thread.join(60)
