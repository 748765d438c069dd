"""What the lines of a run's stages say: counts, rates, time left, and why a job failed."""

import io

import pytest

from graincast.program.log_file import cause, last_lines
from snakemake_logger_plugin_graincast.errors import not_submitted, plain
from snakemake_logger_plugin_graincast.screen import Screen
from snakemake_logger_plugin_graincast.stages import Running, Stage, stages

WORDS = {"train": ("training job", "training jobs"), "split": ("split", "splits")}


def test_jobs_are_gathered_by_rule_in_their_order():
    found = stages({"split/a/b": None, "train/a/k1": 2.0, "train/a/k2": None, "other": 1.0}, WORDS)
    assert list(found) == ["split", "train", "other"]
    assert found["train"].expected == {"train/a/k1": 2.0, "train/a/k2": None}
    assert found["other"].words == ("other", "other")


def test_time_left_is_by_earlier_runs_until_something_is_done(tmp_path):
    stage = Stage(WORDS["train"], {"train/a": 10.0, "train/b": 30.0}, started=0.0)
    stage.running[1] = Running("train/a", [])
    assert stage.live_line(4.0, bar=False) == "training jobs: 0 of 2, 1 at work, about 36 s left"
    stage.running, stage.done = {}, 1
    assert stage.live_line(20.0, bar=False) == "training jobs: 1 of 2, 3/min, about 20 s left"
    assert stage.live_line(20.0, bar=True).startswith("training jobs [##########----------] 1 of 2")


def test_a_job_that_counts_its_work_moves_the_bar(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("train a: 1/4 steps\ntrain a: 3,000/4,000 steps, 10/s, 1 min 40 s left\n")
    stage = Stage(WORDS["train"], {"train/a": None}, {1: Running("train/a", [str(log)])}, started=0.0)
    line = stage.live_line(30.0, bar=True)
    assert line.startswith("training job [###############-----] 0 of 1, 1 at work, about 10 s left | ")
    assert line.endswith("train a: 3,000/4,000 steps, 10/s, 1 min 40 s left")


def test_a_stage_that_ended_early_says_so():
    stage = Stage(WORDS["train"], dict.fromkeys("abcd"), done=1, failed=1, started=0.0)
    assert stage.closing_line(9.0) == "training jobs: 1 of 4, 1 failed, 2 not run"


def test_the_cause_of_a_failure_is_its_last_error(tmp_path):
    log = tmp_path / "a.log"
    log.write_text("one\nx: error: no such grain\nbye\n")
    lines = last_lines([tmp_path / "absent.log", log], 2)
    assert lines == ["x: error: no such grain", "bye"]
    assert cause(lines, "exit status 1") == "x: error: no such grain"
    assert cause(["bye"], "SLURM: OUT_OF_MEMORY") == "SLURM: OUT_OF_MEMORY"
    assert cause(["bye"]) == "bye" and cause([]) == "its log says nothing"


def test_a_job_that_succeeds_when_tried_again_is_no_failure(tmp_path):
    stream = io.StringIO()
    screen = Screen(stream, {"split/a": None, "split/b": None}, WORDS)
    for attempt in range(2):
        screen.started(1, "split/a", [])
        if attempt == 0:
            screen.failed(1, "split", [], "node lost")
            screen.failed(1, "split", [], "node lost")  # Snakemake says it twice
    screen.finished(1)
    screen.started(2, "split/b", [])
    screen.failed(2, "split", [], "out of memory")
    screen.end()
    screen.show_causes()
    lines = stream.getvalue().splitlines()
    assert lines.count("failed: split/a") == 1
    assert lines[lines.index("splits: 1 of 2, 1 failed") :] == [
        "splits: 1 of 2, 1 failed",
        "",
        "1 job failed; finished steps are kept: mend the cause and run again",
        "  split/b: out of memory",
    ]


def test_a_reader_that_is_gone_does_not_end_the_run():
    class Closed(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    screen = Screen(Closed(), {"split/a": None}, WORDS)
    screen.started(1, "split/a", [])
    screen.finished(1)
    screen.end()
    screen.show_causes()


@pytest.mark.parametrize(
    ("message", "line"),
    [
        (
            'WorkflowError in file "/x/common.smk", line 34:\nsmall.yaml: hopps is unknown\n  File "/x", line 3, in y',
            "small.yaml: hopps is unknown",
        ),
        (
            'KeyError in file "/x/common.smk", line 34:\n\'hops\'\n  File "/x", line 3, in y',
            "KeyError: 'hops'; VERBOSE=1 shows where",
        ),
        (
            'Traceback (most recent call last):\n\n  File "/x", line 3, in y\n    f(z)\n    ^^^^\n\nTypeError: z is 3',
            "TypeError: z is 3; VERBOSE=1 shows where",
        ),
        (
            "MissingInputException in rule graphs in file /x/g.smk, line 3:\nMissing input files for rule graphs:\n"
            "    affected files:\n        a.json",
            "Missing input files for rule graphs: affected files: a.json",
        ),
    ],
)
def test_an_error_of_snakemakes_is_one_line(message, line):
    assert plain(message) == f"error: {line}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (
            "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation",
            "Batch job submission failed: Socket timed out on send/recv operation; SLURM was busy: run again",
        ),
        (
            "sbatch: error: AssocMaxSubmitJobLimit\nsbatch: error: Batch job submission failed: Job violates "
            "accounting/QOS policy (job submit limit, user's size and/or time limits)",
            "AssocMaxSubmitJobLimit; Batch job submission failed: Job violates accounting/QOS policy "
            "(job submit limit, user's size and/or time limits); fewer `jobs`",
        ),
        (
            "sbatch: error: invalid partition specified: gpus",
            "invalid partition specified: gpus; correct partition",
        ),
    ],
)
def test_a_job_that_sbatch_refuses_shows_why_and_no_log_of_an_earlier_run(words, said, tmp_path):
    log = tmp_path / "split.log"
    log.write_text("done\n")
    message = f"SLURM sbatch failed. The error message was '{words}'.\n    sbatch call:\n        sbatch 'a'.\n"
    assert not_submitted(message).startswith(f"not submitted: {said}")
    assert not_submitted("SLURM-job '7' failed, SLURM status is: 'FAILED'.") == ""
    stream = io.StringIO()
    screen = Screen(stream, {"split/a": None}, WORDS)
    screen.started(1, "split/a", [str(log)])
    screen.failed(1, "split", [str(log)], message)
    screen.end()
    screen.show_causes()
    assert stream.getvalue().count("not submitted: ") == 2
    assert "done" not in stream.getvalue() and "sbatch call" not in stream.getvalue()
