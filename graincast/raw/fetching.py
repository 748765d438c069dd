"""Fetching the files of a published data set over HTTP: in parallel, resumed where it stopped, each file verified.

A file arrives as `.NAME.partial` beside its destination, and takes its place once its size and SHA-256 are the listed
ones; readers skip hidden names, so a data set never has half a file. A later fetch resumes a partial file. Proxies are
those of the variables http_proxy, https_proxy and no_proxy.
"""

import http.client
import os
import re
import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import quote

from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.program.main import REMEDIES
from graincast.program.progress import track
from graincast.raw.file_list import ListedFile

THREADS = 8
WAITS = (1.0, 4.0)
"""Seconds to wait before each further attempt at a file."""
SILENCE = 30
"""Seconds after which a server that sends nothing counts as gone."""
MOST_IN_A_ROW = 10
"""Failures, without a file that arrives between them, after which no further file is tried."""
BLOCK = 1 << 16
TRANSIENT = {408, 429, 500, 502, 503, 504}
"""HTTP statuses of a server that may answer otherwise the next time."""


@dataclass(frozen=True)
class Outcome:
    """What became of a listed file: it was there, it was fetched, or it failed for a cause.

    aside  the name that a file with other content got, which was in its place; "" if there was none
    """

    path: str
    fetched: bool = False
    aside: str = ""
    cause: str = ""


class _Refused(Exception):
    """A cause that a further attempt would not mend."""


class _Interrupted(Exception):
    """A cause that a further attempt may mend. useless: whether the partial file cannot be continued."""

    def __init__(self, cause: str, useless: bool = False) -> None:
        super().__init__(cause)
        self.useless = useless


def fetch(files: Sequence[ListedFile], folder: Path, address: str, waits: Sequence[float] = WAITS) -> list[Outcome]:
    """Fetch what is missing in a folder, or differs from its list, from a web address; one outcome for each file.

    Nothing is fetched that is there and verifies. A file with other content is renamed, never overwritten.
    Raises BadInput if the disk has no room for what is missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with ThreadPoolExecutor(THREADS) as pool:
        there = pool.map(lambda file: _is_there(file, folder), files)
        present = list(track(there, f"verifying {folder}", len(files), "files"))
    missing = [file for file, is_present in zip(files, present, strict=True) if not is_present]
    _check_room(missing, folder)
    outcomes = {file.path: Outcome(file.path) for file in files}
    outcomes |= {outcome.path: outcome for outcome in _fetch_all(missing, folder, address, waits)}
    return list(outcomes.values())


def url(address: str, file: ListedFile) -> str:
    """The web address of a listed file, below that of its data set."""
    return f"{address}/{quote(file.path)}"


def report(outcomes: Sequence[Outcome]) -> list[str]:
    """What was set aside, and each cause of failures with its files, in lines."""
    lines = [f"{one.path}: other content than listed; set aside as {one.aside}" for one in outcomes if one.aside]
    by_cause: dict[str, list[str]] = {}
    for outcome in outcomes:
        if outcome.cause:
            by_cause.setdefault(outcome.cause, []).append(outcome.path)
    for cause, paths in by_cause.items():
        more = f", and {len(paths) - 3:,} more" if len(paths) > 3 else ""
        lines.append(f"{cause}: {', '.join(paths[:3])}{more}")
    return lines


def summary(outcomes: Sequence[Outcome]) -> str:
    """How many files were fetched, were there, and failed."""
    failed = sum(bool(one.cause) for one in outcomes)
    fetched = sum(one.fetched for one in outcomes)
    return f"{fetched:,} fetched, {len(outcomes) - fetched - failed:,} there already, {failed:,} failed"


def _is_there(file: ListedFile, folder: Path) -> bool:
    path = folder / file.path
    return path.is_file() and path.stat().st_size == file.bytes and digest(path) == file.sha256


def _check_room(missing: Sequence[ListedFile], folder: Path) -> None:
    needed = sum(max(file.bytes - _size(_partial(folder / file.path)), 0) for file in missing)
    free = shutil.disk_usage(folder).free
    if needed > free:
        megabytes = f"{needed / 1e6:,.1f} MB are to be fetched and {free / 1e6:,.1f} MB are free"
        raise BadInput(f"{folder}: {megabytes}; free some space, or fetch to another folder")


def _fetch_all(files: Sequence[ListedFile], folder: Path, address: str, waits: Sequence[float]) -> list[Outcome]:
    """Fetch files in parallel, unless too many in a row fail."""
    downloads = _Downloads(folder, address, waits)
    with ThreadPoolExecutor(THREADS) as pool:
        try:
            started = [pool.submit(downloads.outcome, file) for file in files]
            return [one.result() for one in track(as_completed(started), "fetching", len(files), "files")]
        finally:
            downloads.stop.set()
            pool.shutdown(cancel_futures=True)


class _Downloads:
    """The downloads of one fetch, in several threads. Once `stop` is set, they end and no other begins."""

    def __init__(self, folder: Path, address: str, waits: Sequence[float]) -> None:
        self.folder, self.address, self.waits = folder, address, waits
        self.opener = urllib.request.build_opener()  # reads the variables for proxies
        self.stop = threading.Event()
        self.lock = threading.Lock()
        self.failures = 0

    def outcome(self, file: ListedFile) -> Outcome:
        """Fetch one file and put it into place."""
        try:
            outcome = Outcome(file.path, fetched=True, aside=self._fetched(file))
        except _Refused as error:
            outcome = Outcome(file.path, cause=str(error))
        except OSError as error:
            reason = os.strerror(error.errno) if error.errno else str(error)
            outcome = Outcome(file.path, cause=f"{reason}{REMEDIES.get(error.errno or 0, '')}")
        with self.lock:
            self.failures = self.failures + 1 if outcome.cause else 0
            if self.failures == MOST_IN_A_ROW:
                self.stop.set()
        return outcome

    def _fetched(self, file: ListedFile) -> str:
        """Fetch one file, in several attempts; the new name of what was in its place, or ""."""
        destination = self.folder / file.path
        partial = _partial(destination)
        if destination.is_dir():
            raise _Refused("a folder is in its place; move it away")
        destination.parent.mkdir(parents=True, exist_ok=True)
        for wait in (*self.waits, None):
            if self.stop.is_set():
                raise _Refused(f"not tried any more, after {MOST_IN_A_ROW} failures in a row")
            try:
                self._attempt(file, partial)
                break
            except _Interrupted as error:
                if error.useless:
                    partial.unlink(missing_ok=True)
                if wait is None:
                    raise _Refused(str(error)) from None
                self.stop.wait(wait)
        return _put_into_place(partial, destination)

    def _attempt(self, file: ListedFile, partial: Path) -> None:
        """Complete and verify a partial file. Raises _Refused or _Interrupted."""
        begun = _size(partial)
        if begun > file.bytes:
            partial.unlink()
            begun = 0
        if begun < file.bytes:
            self._download(file, partial, begun)
        if digest(partial) == file.sha256:
            return
        if begun:
            raise _Interrupted("another SHA-256 than listed", useless=True)
        partial.unlink()
        raise _Refused("another SHA-256 than listed")

    def _download(self, file: ListedFile, partial: Path, begun: int) -> None:
        """Download what a partial file of `begun` bytes lacks, or all of it if the server only sends whole files."""
        headers = {"User-Agent": "graincast", "Accept-Encoding": "identity"}
        if begun:
            headers["Range"] = f"bytes={begun}-"
        with _answer(urllib.request.Request(url(self.address, file), headers=headers), self.opener) as response:
            if response.status == 206:
                if not re.match(rf"bytes {begun}-", response.headers.get("Content-Range", "")):
                    raise _Interrupted("the server sends another part than asked for", useless=True)
            else:
                begun = 0
            left = file.bytes - begun
            offered = response.headers.get("Content-Length", str(left))
            if offered != str(left):
                if begun:
                    raise _Interrupted("the server has another size than listed", useless=True)
                raise _Refused(f"the server has {offered} bytes where the list says {left}")
            with partial.open("ab" if begun else "wb") as out:
                while left and not self.stop.is_set() and (block := _read(response, min(left, BLOCK))):
                    out.write(block)
                    left -= len(block)
            if left:
                raise _Interrupted("cut short")
            if _read(response, 1):
                raise _Interrupted("longer than listed", useless=True)


def _answer(request: urllib.request.Request, opener: urllib.request.OpenerDirector) -> http.client.HTTPResponse:
    """The server's answer. Raises _Refused or _Interrupted where it is none, or an error."""
    try:
        return opener.open(request, timeout=SILENCE)
    except urllib.error.HTTPError as error:
        error.close()
        cause = f"the server answers {error.code} {' '.join(str(error.reason).split())}"
        if error.code == 416 and request.has_header("Range"):
            raise _Interrupted(cause, useless=True) from None
        raise (_Interrupted if error.code in TRANSIENT else _Refused)(cause) from None
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"no answer ({_reason(error)})") from None


def _read(response: http.client.HTTPResponse, size: int) -> bytes:
    """The next bytes of an answer. Raises _Interrupted where the connection breaks."""
    try:
        return response.read(size)
    except (OSError, http.client.HTTPException) as error:
        raise _Interrupted(f"cut short ({_reason(error)})") from None


def _reason(error: Exception) -> str:
    """Why a connection failed, in the words of the operating system."""
    cause = getattr(error, "reason", error)
    return " ".join(str(getattr(cause, "strerror", None) or cause or type(cause).__name__).split())


def _put_into_place(partial: Path, destination: Path) -> str:
    """Rename a verified file to its destination; the new name of what was there, or ""."""
    aside = ""
    if os.path.lexists(destination):
        names = (f"{destination.name}.differs-{number}" for number in count(1))
        aside = next(name for name in names if not os.path.lexists(destination.with_name(name)))
        destination.rename(destination.with_name(aside))
    partial.rename(destination)
    return aside


def _partial(destination: Path) -> Path:
    return destination.with_name(f".{destination.name}.partial")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0
