"""What a person sees of a run through the project's own log handler, in a pipe and on a terminal."""

import os
import pty
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.workflow import checkout

HANDLER = ("--logger", "graincast", "--workflow-profile", "profiles/default", "--configfile", "config/small.yaml")
COMPARISON = Path("results/comparison.csv")
PICTURE = Path("results/comparison.png")


@pytest.fixture
def copy(finished, tmp_path) -> Path:
    """A copy of the finished checkout that a test may change."""
    return shutil.copytree(finished, tmp_path / "copy", symlinks=True)


def test_a_pipe_shows_what_runs_and_why_and_then_the_results(copy):
    (copy / PICTURE).unlink()
    ran = checkout.run(copy, *HANDLER)
    lines = ran.stdout.splitlines()
    assert ran.returncode == 0, ran.stdout
    assert "configuration  config/small.yaml" in lines
    assert "data sets      made (simulate), given (deepspparks-json), images (labelled-images)" in lines
    assert "experiments    made, given, tabled, attended, pictured" in lines
    (reason,) = [line for line in lines if line.startswith("to do")]
    assert f"{PICTURE} is missing: 1 comparison figure; about" in reason and "by earlier runs" in reason
    assert re.fullmatch(r"comparison figure: 1 of 1, in .* s", lines[lines.index("") + 1])
    table = next(number for number, line in enumerate(lines) if line.startswith("experiment  "))
    assert lines.index("") < table
    assert not [line for line in lines if line.startswith(("rule", "    input:", "Select jobs", "Finished"))]
    assert "\x1b" not in ran.stdout
    assert len(lines) < 35, ran.stdout


def test_a_failure_shows_the_last_lines_of_its_log_and_its_cause_at_the_very_end(copy):
    (copy / PICTURE).unlink()
    with (copy / COMPARISON).open("a") as file:
        file.write("\n")
    ran = checkout.run(copy, *HANDLER)
    assert ran.returncode == 1
    lines = ran.stdout.splitlines()
    damaged = f"{COMPARISON}: damaged since it was made; run again, and it is made anew"
    cause = f"python -m scripts.comparison_figure: error: {damaged}"
    log = "results/logs/comparison_figure.log"
    number = lines.index("failed: comparison_figure")
    assert lines[number + 1 : number + 3] == [f"    {cause}", f"    log: {log}"]
    assert lines[-2].startswith("1 job failed; ")
    assert lines[-1] == f"  comparison_figure: {cause} ({log})"
    assert "Traceback" not in ran.stdout and "CalledProcessError" not in ran.stdout


def test_nothing_to_do_is_one_line(finished):
    ran = checkout.run(finished, *HANDLER)
    assert ran.returncode == 0
    assert [line for line in ran.stdout.splitlines() if not line.startswith("Using workflow specific profile")] == [
        "everything is up to date"
    ]


def test_an_error_of_planning_is_one_line(copy):
    configuration = copy / "config/small.yaml"
    configuration.write_text(configuration.read_text().replace("hops: 2", "hopps: 2"))
    ran = checkout.run(copy, *HANDLER)
    (line,) = [line for line in ran.stdout.splitlines() if not line.startswith("Using workflow specific profile")]
    assert ran.returncode == 1
    assert line.startswith(f"error: {configuration}: datasets.made: unknown key 'hopps'")


def test_a_dry_run_and_a_plain_run_keep_snakemakes_own_lines(copy):
    (copy / PICTURE).unlink()
    dry = checkout.run(copy, *HANDLER, "--dry-run")
    assert dry.returncode == 0 and checkout.jobs(dry.stdout) - {"all"} == {"comparison_figure"}
    plain = checkout.run(copy, *HANDLER[2:])
    assert plain.returncode == 0 and "comparison_figure" in checkout.jobs(plain.stdout)


def test_a_terminal_shows_a_line_that_renews_itself(copy):
    (copy / PICTURE).unlink()
    status, output = on_terminal(copy, [sys.executable, "-m", "snakemake", "--cores", "2", *HANDLER])
    assert status == 0, output
    assert re.search(r"comparison figure \[-{20}\] 0 of 1, 1 at work", output)
    assert "\x1b[2F\x1b[J" in output, "the lines are never drawn anew"
    after = seen(output)
    assert [line for line in after if line.startswith("comparison figure: 1 of 1, in ")]
    assert not [line for line in after if "at work" in line or re.fullmatch(r"\d+ of \d+ jobs, .*", line)], after
    assert [line for line in after if line.startswith("experiment  ")]


def on_terminal(folder: Path, command: list[str]) -> tuple[int, str]:
    """Run a command on a pseudo-terminal: its exit status, and all that it wrote there."""
    here, there = pty.openpty()
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    environment = os.environ | {"PATH": path, "TERM": "xterm"}
    with subprocess.Popen(command, cwd=folder, env=environment, stdin=there, stdout=there, stderr=there) as process:
        os.close(there)
        written = b""
        while True:
            try:
                piece = os.read(here, 65536)
            except OSError:  # Linux: nothing has the other end open any more
                break
            if not piece:
                break
            written += piece
        status = process.wait(checkout.HOUR)
    os.close(here)
    return status, written.decode()


def seen(output: str) -> list[str]:
    """The lines that a terminal shows in the end, of text that moves the cursor up and clears what is below."""
    shown: list[str] = []
    for part in re.split(r"(\x1b\[\d+F\x1b\[J)", output.replace("\r\n", "\n")):
        if part.startswith("\x1b["):
            del shown[len(shown) - int(part[2:].partition("F")[0]) :]
        else:
            shown += part.removesuffix("\n").split("\n") if part else []
    return shown
