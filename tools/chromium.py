"""A headless Chromium that a program drives, through the pipe of its debugging protocol: open, click, read, photograph.

The protocol: https://chromedevtools.github.io/devtools-protocol/. Messages are JSON, each ended by a zero byte.
"""

import base64
import contextlib
import json
import os
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from typing import Any

STILL = 8  # looks at an element, a fifth of a second apart, at which it is at the same place before it is clicked
PATIENCE = 120  # seconds until something on a page counts as missing
QUIET = (
    "--disable-background-networking", "--disable-component-update", "--disable-default-apps", "--disable-sync",
    "--disable-domain-reliability", "--disable-extensions", "--no-first-run", "--disable-gpu",
)  # fmt: skip
"""What keeps the browser from most errands of its own."""


class Tab:
    """One tab of a browser."""

    def __init__(self, to_browser: int, from_browser: int) -> None:
        self._to, self._from, self._last, self._read = to_browser, from_browser, 0, b""
        self._session = ""
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.call("Page.enable")

    def call(self, method: str, **params: Any) -> dict:
        """The result of a command of the protocol. Raises RuntimeError where the browser refuses it."""
        self._last += 1
        message = {"id": self._last, "method": method, "params": params}
        message |= {"sessionId": self._session} if self._session else {}
        content = json.dumps(message).encode() + b"\0"
        while content:
            content = content[os.write(self._to, content) :]
        while (answer := self._receive()).get("id") != self._last:
            pass  # an event
        if "error" in answer:
            raise RuntimeError(f"{method}: {answer['error']['message']}")
        return answer["result"]

    def _receive(self) -> dict:
        while b"\0" not in self._read:
            if not select.select([self._from], [], [], PATIENCE)[0]:
                raise TimeoutError(f"the browser said nothing for {PATIENCE} s")
            received = os.read(self._from, 1 << 20)
            if not received:
                raise RuntimeError("the browser ended")
            self._read += received
        message, _, self._read = self._read.partition(b"\0")
        return json.loads(message)

    def open(self, address: str, width: int = 1400, height: int = 800) -> None:
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False)
        self.call("Page.navigate", url=address)

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression on the page. Raises RuntimeError where it throws."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            raise RuntimeError(f"{expression}: {answer['exceptionDetails'].get('exception', {}).get('description')}")
        return answer["result"].get("value")

    def wait_for(self, expression: str) -> Any:
        """The first value of an expression that counts as true. Raises TimeoutError if there is none."""
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            value = self.evaluate(expression)
            if value:
                return value
            time.sleep(0.2)
        raise TimeoutError(f"{expression}: not after {PATIENCE} s; the page says: {self.text()[:2000]}")

    def text(self) -> str:
        """What a reader sees as text."""
        return self.evaluate("document.body ? document.body.innerText : ''")

    def click(self, selector: str) -> None:
        """Click in the middle of the first element that a CSS selector finds, as a person does once it stands still."""
        place = f"""(() => {{
            const found = document.querySelector({json.dumps(selector)});
            if (!found) return null;
            found.scrollIntoView({{block: "nearest"}});
            const {{x, y, width, height}} = found.getBoundingClientRect();
            return [x + width / 2, y + height / 2];
        }})()"""
        box, seen = self.wait_for(place), 1
        while seen < STILL:
            time.sleep(0.2)
            before, box = box, self.wait_for(place)
            seen = seen + 1 if box == before else 1
        for event in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=event, x=box[0], y=box[1], button="left", clickCount=1)

    def photographed(self) -> bytes:
        """What the window shows, as a PNG."""
        return base64.b64decode(self.call("Page.captureScreenshot", format="png")["data"])


@contextlib.contextmanager
def started(program: str) -> Iterator[Tab]:
    """A browser with a fresh profile, and its one tab; the browser ends with the block."""
    to_browser, from_browser = os.pipe(), os.pipe()
    with tempfile.TemporaryDirectory(prefix="graincast-", ignore_cleanup_errors=True) as profile:
        command = [program, "--headless", "--no-sandbox", f"--user-data-dir={profile}", *QUIET]
        # Chromium reads commands from file descriptor 3, and answers on 4.
        redirected = f'exec 3<&{to_browser[0]} 4>&{from_browser[1]}; exec "$@"'
        with subprocess.Popen(
            ["bash", "-c", redirected, "bash", *command, "--remote-debugging-pipe"],
            pass_fds=(to_browser[0], from_browser[1]), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        ) as process:  # fmt: skip
            os.close(to_browser[0])
            os.close(from_browser[1])
            try:
                yield Tab(to_browser[1], from_browser[0])
            finally:
                os.close(to_browser[1])
                os.close(from_browser[0])
                process.terminate()
