"""Progress lines: when they appear, and the rate and remaining time they show."""

import pytest

from graincast.program import progress
from graincast.program.progress import Progress, duration, track


@pytest.fixture
def clock(monkeypatch):
    """A clock that moves only by clock(seconds)."""
    now = [1000.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])

    def move(seconds):
        now[0] += seconds

    return move


def lines(capsys):
    out, err = capsys.readouterr()
    assert out == ""
    return err.splitlines()


def test_lines_appear_every_few_seconds_with_rate_and_time_left(clock, capsys):
    steps = Progress("graphs x/0001", 2000, "files")
    clock(1)
    steps.advance(100)
    clock(1.9)
    steps.advance(400)
    assert lines(capsys) == []
    clock(0.1)
    steps.advance(100)
    assert lines(capsys) == ["graphs x/0001: 600/2,000 files, 250/s, 5.6 s left"]
    clock(1)
    steps.advance(200)
    assert lines(capsys) == []  # 1 s after the last line
    clock(4)
    steps.advance(10, note="loss 0.5")
    assert lines(capsys) == ["graphs x/0001: 810/2,000 files, 101/s, 12 s left, loss 0.5"]


def test_time_left_needs_two_measurements_and_ignores_the_time_before_the_first(clock, capsys):
    steps = Progress("simulate", 10, "states")
    clock(60)  # compilation
    steps.advance()
    assert lines(capsys) == ["simulate: 1/10 states"]
    clock(4)
    steps.advance(2)
    assert lines(capsys) == ["simulate: 3/10 states, 0.5/s, 14 s left"]


def test_the_end_is_always_shown(clock, capsys):
    steps = Progress("step", 2, "jobs")
    steps.advance()
    clock(1)
    steps.advance()
    assert lines(capsys) == ["step: 2/2 jobs, 2/s, in 1.0 s"]


def test_no_rate_is_shown_without_progress_or_elapsed_time(clock, capsys):
    steps = Progress("step", 2, "jobs")
    clock(4)
    steps.advance(0)
    assert lines(capsys) == ["step: 0/2 jobs"]
    Progress("step", 1, "jobs").advance()
    assert lines(capsys) == ["step: 1/1 jobs, in 0.0 s"]


def test_track_counts_an_item_once_its_work_is_done(clock, capsys):
    items = []
    for item in track(iter("abc"), "step", 3, "letters"):
        items.append(item)
        clock(4)
    assert items == list("abc")
    assert lines(capsys) == [
        "step: 1/3 letters",
        "step: 2/3 letters, 0.25/s, 4.0 s left",
        "step: 3/3 letters, 0.25/s, in 12 s",
    ]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.44, "0.4 s"),
        (9.94, "9.9 s"),
        (12.4, "12 s"),
        (59.7, "1 min 0 s"),
        (200, "3 min 20 s"),
        (3599.6, "1 h 0 min"),
        (7530, "2 h 5 min"),
        (100 * 3600, "100 h 0 min"),
    ],
)
def test_a_duration_is_shown_in_two_units_at_most(seconds, text):
    assert duration(seconds) == text
