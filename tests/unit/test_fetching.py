"""Fetching from a real server on this machine: whatever it does, only verified files arrive, and a rerun resumes."""

import hashlib
import os
import random
import re
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from graincast.microstructure import BadInput
from graincast.raw import fetching
from graincast.raw.file_list import ListedFile
from graincast.raw.sources import SOURCES
from tests.file_server import FileServer, file_server

ROOT = Path(__file__).parents[2]
AT_ONCE = (0, 0)
"""Two further attempts, without a pause before them."""


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch):
    for variable in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(variable, raising=False)
        monkeypatch.delenv(variable.upper(), raising=False)


@pytest.fixture
def server():
    with file_server() as running:
        yield running


def listed(path: str, content: bytes) -> ListedFile:
    return ListedFile(path, len(content), hashlib.sha256(content).hexdigest())


def serve(server: FileServer, count: int = 5, size: int = 2000) -> list[ListedFile]:
    """Give a server some files below /set, some in folders; returns their list."""
    noise = random.Random(0)
    contents = {f"{'deep er/' * (i % 2)}run_{i}.json": noise.randbytes(size + i) for i in range(count)}
    server.content |= {f"/set/{path}": content for path, content in contents.items()}
    return [listed(path, content) for path, content in contents.items()]


def fetched(server: FileServer, files: list[ListedFile], folder: Path) -> list[fetching.Outcome]:
    return fetching.fetch(files, folder, f"{server.address}/set", AT_ONCE)


def assert_arrived(server: FileServer, files: list[ListedFile], folder: Path) -> None:
    """All files are there, with their content, and nothing else."""
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} == {
        file.path for file in files
    }
    assert all((folder / file.path).read_bytes() == server.content[f"/set/{file.path}"] for file in files)


def unused_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_all_files_arrive_and_what_is_there_is_not_fetched_again(server, tmp_path):
    files = serve(server)
    outcomes = fetched(server, files, tmp_path)
    assert outcomes == [fetching.Outcome(file.path, fetched=True) for file in files]
    assert fetching.summary(outcomes) == "5 fetched, 0 there already, 0 failed"
    assert_arrived(server, files, tmp_path)
    requests = len(server.requests)
    again = fetched(server, files, tmp_path)
    assert fetching.summary(again) == "0 fetched, 5 there already, 0 failed"
    assert len(server.requests) == requests == 5


@pytest.mark.parametrize("fault", ["cut", "hang up", "503", "429", "longer", "/set/deep er/run_1.json"])
def test_a_fault_that_passes_costs_one_attempt(server, tmp_path, fault):
    files = serve(server)
    server.content["/set/run_0.json"] = server.content["/set/deep er/run_1.json"]  # where the redirection leads
    files[0] = listed("run_0.json", server.content["/set/run_0.json"])
    server.faults["/set/run_0.json"] = [fault.replace(" ", "%20") if fault.startswith("/") else fault]
    assert all(one.fetched for one in fetched(server, files, tmp_path))
    assert_arrived(server, files, tmp_path)


@pytest.mark.parametrize(
    ("fault", "cause"),
    [
        ("cut", "cut short"),
        ("hang up", "no answer (Remote end closed connection without response)"),
        ("404", "the server answers 404 Not Found"),
        ("403", "the server answers 403 Forbidden"),
        ("500", "the server answers 500 Internal Server Error"),
        ("longer", "longer than listed"),
        ("other", "another SHA-256 than listed"),
        ("/set/run_0.json", "the server answers 302 "),  # to itself, for ever
        ("/elsewhere", "the server answers 404 Not Found"),
        ("/set/run_2.json", "the server has 2002 bytes where the list says 2000"),
    ],
)
def test_a_fault_that_stays_is_named_and_the_other_files_arrive(server, tmp_path, fault, cause):
    files = serve(server)
    server.faults["/set/run_0.json"] = [fault] * 100
    outcomes = fetched(server, files, tmp_path)
    assert outcomes[0].cause.startswith(cause)
    assert [one.cause for one in outcomes[1:]] == [""] * 4
    assert re.fullmatch(re.escape(cause) + ".*: run_0.json", *fetching.report(outcomes))
    assert fetching.summary(outcomes) == "4 fetched, 0 there already, 1 failed"
    assert not (tmp_path / "run_0.json").exists()
    server.faults.clear()
    assert fetching.summary(fetched(server, files, tmp_path)) == "1 fetched, 4 there already, 0 failed"
    assert_arrived(server, files, tmp_path)


def test_a_file_that_was_cut_short_resumes_where_it_stopped(server, tmp_path):
    files = serve(server, 1)
    server.faults["/set/run_0.json"] = ["cut", "cut"]
    assert fetched(server, files, tmp_path)[0].fetched
    assert server.asked("/set/run_0.json") == ["", "bytes=1000-", "bytes=1500-"]
    assert_arrived(server, files, tmp_path)


@pytest.mark.parametrize("ranges", [True, False], ids=["ranges", "whole files only"])
@pytest.mark.parametrize("partial", ["beginning", "other", "all", "other of full size", "longer"])
def test_whatever_an_earlier_fetch_left_the_file_becomes_whole(server, tmp_path, partial, ranges):
    server.ranges = ranges
    (file,) = files = serve(server, 1)
    content = server.content["/set/run_0.json"]
    left = {"beginning": content[:700], "other": b"x" * 700, "all": content, "longer": content + b"x"}
    (tmp_path / ".run_0.json.partial").write_bytes(left.get(partial, b"x" * file.bytes))
    assert fetched(server, files, tmp_path)[0].fetched
    assert_arrived(server, files, tmp_path)
    requests = {"all": 0, "other": 2 if ranges else 1, "other of full size": 1}
    assert len(server.requests) == requests.get(partial, 1)


@pytest.mark.parametrize("fault", ["part", "416", "503", "/set/run_0.json?again"])
def test_a_server_that_does_not_continue_a_file_as_asked_is_asked_again(server, tmp_path, fault):
    files = serve(server, 1)
    (tmp_path / ".run_0.json.partial").write_bytes(server.content["/set/run_0.json"][:700])
    server.faults["/set/run_0.json"] = [fault]
    assert fetched(server, files, tmp_path)[0].fetched
    assert_arrived(server, files, tmp_path)
    resumed = fault in ("503", "/set/run_0.json?again")  # a redirected request keeps its range
    assert [part for _, part in server.requests] == ["bytes=700-", "bytes=700-" if resumed else ""]


def test_a_dead_server_is_named_and_nothing_is_lost(server, tmp_path):
    files = serve(server, 3)
    (tmp_path / "run_0.json").write_bytes(server.content["/set/run_0.json"])
    (tmp_path / ".run_2.json.partial").write_bytes(server.content["/set/run_2.json"][:700])
    outcomes = fetching.fetch(files, tmp_path, f"http://127.0.0.1:{unused_port()}/set", AT_ONCE)
    assert fetching.summary(outcomes) == "0 fetched, 1 there already, 2 failed"
    assert fetching.report(outcomes) == ["no answer (Connection refused): deep er/run_1.json, run_2.json"]
    assert fetched(server, files, tmp_path)[2].fetched
    assert server.asked("/set/run_2.json") == ["bytes=700-"]


def test_a_name_that_nobody_knows_is_named(tmp_path):
    (outcome,) = fetching.fetch([listed("a", b"a")], tmp_path, "http://data.invalid/set", ())
    assert outcome.cause.startswith("no answer (")


def test_a_server_that_falls_silent_counts_as_gone(server, tmp_path, monkeypatch):
    monkeypatch.setattr(fetching, "SILENCE", 0.1)
    files = serve(server, 1)
    server.faults["/set/run_0.json"] = ["hold"] * 3
    (outcome,) = fetched(server, files, tmp_path)
    assert outcome.cause.endswith("(timed out)")


def test_after_many_failures_in_a_row_no_further_file_is_tried(server, tmp_path):
    files = serve(server, 100)
    server.content.clear()
    outcomes = fetched(server, files, tmp_path)
    assert 10 <= len(server.requests) < 10 + fetching.THREADS
    missing, untried = fetching.report(outcomes)
    assert missing.startswith("the server answers 404 Not Found: ") and missing.endswith(" more")
    assert untried.startswith("not tried any more, after 10 failures in a row: ")
    assert fetching.summary(outcomes) == "0 fetched, 0 there already, 100 failed"


def test_a_file_with_other_content_is_set_aside_once_its_successor_has_arrived(server, tmp_path):
    (file,) = files = serve(server, 1)
    target = tmp_path / "run_0.json"
    target.write_bytes(b"edited by hand")
    server.faults["/set/run_0.json"] = ["404"]
    assert fetched(server, files, tmp_path)[0].cause
    assert target.read_bytes() == b"edited by hand"
    for number, content in enumerate([b"edited by hand", b"x" * file.bytes], start=1):
        target.write_bytes(content)
        outcomes = fetched(server, files, tmp_path)
        aside = f"run_0.json.differs-{number}"
        assert fetching.report(outcomes) == [f"run_0.json: other content than listed; set aside as {aside}"]
        assert target.read_bytes() == server.content["/set/run_0.json"]
        assert (tmp_path / aside).read_bytes() == content
    assert (tmp_path / "run_0.json.differs-1").read_bytes() == b"edited by hand"
    assert SOURCES["deepspparks-json"].runs(tmp_path) == [target]


def test_a_folder_in_the_place_of_a_file_stays(server, tmp_path):
    files = serve(server, 2)
    (tmp_path / "run_0.json" / "kept").mkdir(parents=True)
    blocked, other = fetched(server, files, tmp_path)
    assert blocked.cause == "a folder is in its place; move it away" and other.fetched
    assert (tmp_path / "run_0.json" / "kept").is_dir()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_disk_is_named_and_a_rerun_resumes(server, tmp_path):
    files = serve(server, 2, size=100_000)
    partial = tmp_path / ".run_0.json.partial"
    partial.symlink_to("/dev/full")
    outcomes = fetched(server, files, tmp_path)
    assert outcomes[0].cause == "No space left on device; free some space and run again" and outcomes[1].fetched
    assert not (tmp_path / "run_0.json").exists()
    partial.unlink()
    assert fetching.summary(fetched(server, files, tmp_path)) == "1 fetched, 1 there already, 0 failed"
    assert_arrived(server, files, tmp_path)


def test_more_than_the_disk_has_room_for_is_refused_at_once(server, tmp_path):
    huge = ListedFile("run_0.json", 10**15 - 1, "0" * 64)
    with pytest.raises(BadInput, match=re.escape(f"{tmp_path}: 1,000,000,000.0 MB are to be fetched and ")):
        fetched(server, [huge], tmp_path)
    assert not server.requests


def test_requests_go_through_a_proxy_except_where_none_is_wanted(server, tmp_path, monkeypatch):
    files = serve(server, 2)
    monkeypatch.setenv("http_proxy", server.address)  # the server takes the whole address as a proxy does
    assert all(one.fetched for one in fetching.fetch(files, tmp_path / "a", "http://data.invalid/set", ()))
    assert sorted(path for path, _ in server.requests) == [
        "http://data.invalid/set/deep%20er/run_1.json",
        "http://data.invalid/set/run_0.json",
    ]
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{unused_port()}")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    assert all(one.fetched for one in fetched(server, files, tmp_path / "b"))


# The command


@pytest.fixture
def described(server, tmp_path) -> Path:
    """The description of a data set that the server has."""
    files = serve(server, size=300_000)
    table = "".join(f"{file.path},{file.bytes},{file.sha256}\n" for file in files)
    (tmp_path / "set.csv").write_text(f"path,bytes,sha256\n{table}", encoding="utf-8")
    keys = {"description": "A test", "licence": "MIT", "source": "deepspparks-json", "files": "set.csv"}
    keys |= {"address": f"{server.address}/set", "configuration": "config/some.yaml"}
    (tmp_path / "set.yaml").write_text(yaml.safe_dump(keys), encoding="utf-8")
    return tmp_path / "set.yaml"


def command(*arguments: object, code: str = "", **environment: str) -> subprocess.Popen:
    """`graincast data` with some arguments, in the background. code: runs before it."""
    program = f"{code}\nimport sys; from graincast.command import main; main(['data', *sys.argv[1:]])"
    variables = {
        key: value for key, value in os.environ.items() if key not in ("RAW_DATA_ROOT", "GRAINCAST_DATA_MIRROR")
    }
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=ROOT,
        env=variables | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_the_command_ends_with_lines_of_a_configuration_that_read_the_data(described, tmp_path):
    root = tmp_path / "raw"
    running = command(described, RAW_DATA_ROOT=str(root))
    out, error = running.communicate()
    assert running.returncode == 0, error
    assert f"set: 5 fetched, 0 there already, 0 failed, in {root / 'set'}\n" in out
    lines = out.partition("# in a configuration:\n")[2].partition("\n\n")[0]
    assert yaml.safe_load(lines) == {"datasets": {"set": {"source": "deepspparks-json", "path": "$RAW_DATA_ROOT/set"}}}
    assert out.endswith("\nmake run CONFIG=config/some.yaml\n")
    assert len(SOURCES["deepspparks-json"].runs(root / "set")) == 5
    running = command(described, "--to", tmp_path / "other")
    out, _ = running.communicate()
    assert f"path: {tmp_path / 'other'}\n" in out and "make run" not in out


def test_the_command_fails_with_a_summary_and_a_mirror_can_take_over(described, server, tmp_path):
    del server.content["/set/run_0.json"]
    running = command(described, "--to", tmp_path / "to")
    out, error = running.communicate()
    assert running.returncode == 1
    assert "\nthe server answers 404 Not Found: run_0.json\n" in out and "configuration" not in out
    assert error.splitlines()[-1] == (
        f"graincast: error: set: 4 fetched, 0 there already, 1 failed, from {server.address}/set; "
        "run the same command again to fetch what is missing"
    )
    with file_server() as mirror:
        served = serve(mirror, size=300_000)
        mirror.content = {f"/m{path}": content for path, content in mirror.content.items()}
        running = command(described, "--to", tmp_path / "to", GRAINCAST_DATA_MIRROR=f"{mirror.address}/m/")
        out, _ = running.communicate()
        assert running.returncode == 0 and "set: 1 fetched, 4 there already, 0 failed" in out
        assert [path for path, _ in mirror.requests] == ["/m/set/run_0.json"]
        assert len(served) == 5


def test_a_killed_fetch_resumes(described, server, tmp_path):
    server.faults["/set/run_0.json"] = ["hold"]
    running = command(described, "--to", tmp_path / "to")
    partial = tmp_path / "to" / ".run_0.json.partial"
    while not (partial.exists() and partial.stat().st_size):
        assert running.poll() is None
        time.sleep(0.01)
    running.kill()
    running.communicate()
    size = partial.stat().st_size
    assert 0 < size < 300_000 and not (tmp_path / "to" / "run_0.json").exists()
    resumed = command(described, "--to", tmp_path / "to")
    assert resumed.wait() == 0, resumed.communicate()
    assert server.asked("/set/run_0.json") == ["", f"bytes={size}-"]
    assert (tmp_path / "to" / "run_0.json").read_bytes() == server.content["/set/run_0.json"]


def test_an_interrupted_fetch_ends_in_one_line(described, server, tmp_path):
    server.faults["/set/run_0.json"] = ["hold"]
    heeded = "import signal; signal.signal(signal.SIGINT, signal.default_int_handler)"  # background jobs may ignore it
    running = command(described, "--to", tmp_path / "to", code=heeded)
    while not (tmp_path / "to" / ".run_0.json.partial").exists():
        assert running.poll() is None
        time.sleep(0.01)
    running.send_signal(signal.SIGINT)
    server.release.set()
    _, error = running.communicate()
    assert running.returncode == 1
    assert error.splitlines()[-1] == "graincast: error: set: stopped; run the same command again to resume"


def test_of_two_fetches_at_once_one_waits_and_finds_all_there(described, server, tmp_path):
    server.faults["/set/run_0.json"] = ["hold"]
    first = command(described, "--to", tmp_path / "to")
    while not server.requests:
        assert first.poll() is None
        time.sleep(0.01)
    second = command(described, "--to", tmp_path / "to")
    assert "A test" in second.stdout.readline()
    assert "waiting for another command that fetches to it" in second.stdout.readline()
    server.release.set()  # the first file is then cut short, and resumed
    outputs = [running.communicate()[0] for running in (first, second)]
    assert "set: 5 fetched, 0 there already, 0 failed" in outputs[0]
    assert "set: 0 fetched, 5 there already, 0 failed" in outputs[1]
    assert len(server.requests) == 6


def test_files_that_may_not_grow_are_named_and_a_rerun_resumes(described, server, tmp_path):
    limit = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))"
    running = command(described, "--to", tmp_path / "to", code=limit)
    out, error = running.communicate()
    assert running.returncode == 1 and "File too large: " in out, error
    assert not [path for path in (tmp_path / "to").rglob("*") if path.suffix == ".json"]
    running = command(described, "--to", tmp_path / "to")
    out, _ = running.communicate()
    assert "set: 5 fetched, 0 there already, 0 failed" in out
    assert all(len(server.asked(path.replace(" ", "%20"))) == 2 for path in server.content)


def test_what_can_be_fetched_is_listed_without_fetching_it(described, server, tmp_path):
    out, _ = command().communicate()
    assert out.startswith("published: The 1,000 published grain graphs of DeepSPPARKS")
    out, _ = command(described, "--list").communicate()
    lines = [line.split(" ") for line in out.splitlines()]
    assert [url for _, _, url in lines] == [f"{server.address}{path.replace(' ', '%20')}" for path in server.content]
    assert not server.requests
    running = command("publishd")
    _, error = running.communicate()
    assert running.returncode == 1
    assert (
        error == "graincast: error: no file config/data/publishd.yaml; did you mean 'published'? (known: published)\n"
    )
