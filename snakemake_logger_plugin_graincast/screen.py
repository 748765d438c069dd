"""Stages on a terminal as lines that renew themselves; elsewhere as a line every ten seconds."""

import os
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TextIO

from graincast.program.log_file import cause, last_lines
from graincast.program.progress import duration
from snakemake_logger_plugin_graincast.errors import not_submitted
from snakemake_logger_plugin_graincast.stages import Running, Stage, stages

REFRESH = 0.5  # s, on a terminal
BETWEEN_LINES = 10.0  # s, elsewhere
UNCHANGED = 60.0  # s, between lines that would be the same
LINES_OF_A_FAILURE = 8
UP_AND_CLEAR = "\x1b[{}F\x1b[J"


@dataclass(frozen=True)
class Failure:
    """A job that failed: why, in one line, and the log that says more."""

    name: str
    cause: str
    log: str


class Screen:
    """What a person sees of a run. All methods may be called from any thread.

    expected  the seconds that each job which will run took before, None if it has not run, by the job's name
    words     what jobs of each rule are called: one, several
    """

    def __init__(
        self, stream: TextIO, expected: Mapping[str, float | None], words: Mapping[str, tuple[str, str]]
    ) -> None:
        self.stream = stream
        self.live = stream.isatty() and os.environ.get("TERM") != "dumb"
        self.stages = stages(expected, words)
        self.names: dict[int, str] = {}
        self.failures: dict[int, Failure] = {}
        self.drawn = 0  # lines of the live block
        self.printed: dict[str, tuple[tuple, float]] = {}  # how a stage stood when its last line was printed, and when
        self.lock = threading.RLock()
        self.ended = threading.Event()
        self.began = time.monotonic()
        self.drawer = threading.Thread(target=self._draw_on, name="screen", daemon=True)
        self.drawer.start()

    def started(self, job: int, name: str, logs: list[str]) -> None:
        """A job starts, or is queued; after a failure, once more."""
        with self.lock:
            self.names[job] = name
            stage = self._stage(job)
            if not stage:
                return
            if self.failures.pop(job, None):
                stage.failed -= 1
            if stage.started is None:
                stage.started = time.monotonic()
            stage.running[job] = Running(name, logs)

    def finished(self, job: int) -> None:
        with self.lock:
            stage = self._stage(job)
            if not stage:
                return
            stage.running.pop(job, None)
            stage.done += 1
            if self.failures.pop(job, None):
                stage.failed -= 1
            if stage.complete:
                self.say(stage.closing_line(time.monotonic()))

    def failed(self, job: int, rule: str, logs: list[str], message: str) -> None:
        """A job has failed: its last lines are shown, and kept for the end."""
        with self.lock:
            if job in self.failures:
                return
            name = self.names.get(job, rule)
            if refusal := not_submitted(message):  # a log is that of an earlier run
                logs, lines = [], [refusal]
            else:
                lines = last_lines(logs, LINES_OF_A_FAILURE)
            log = logs[0] if logs else ""
            self.failures[job] = Failure(name, refusal or cause(lines, message), log)
            stage = self._stage(job)
            if stage:
                stage.running.pop(job, None)
                stage.failed += 1
            shown = [f"failed: {name}", *(f"    {line}" for line in lines), *([f"    log: {log}"] if log else [])]
            self.say("\n".join(shown))

    def say(self, text: str) -> None:
        """Print lines for good, above what renews itself."""
        with self.lock:
            self._write(self._cleared() + text + "\n")
            if self.live and not self.ended.is_set():
                self._draw()

    def end(self) -> None:
        """Stop drawing; say of the stages that are not complete how they stand."""
        if self.ended.is_set():
            return
        self.ended.set()
        self.drawer.join()
        with self.lock:
            now = time.monotonic()
            lines = [stage.closing_line(now) for stage in self.stages.values() if not stage.complete]
            self._write(self._cleared() + "".join(f"{line}\n" for line in lines))

    def show_causes(self) -> None:
        """The causes of all failures, once more."""
        if self.failures:
            count = len(self.failures)
            lines = [f"\n{count} job{'s' * (count > 1)} failed; finished steps are kept: mend the cause and run again"]
            for one in self.failures.values():
                lines.append(f"  {one.name}: {one.cause}" + (f" ({one.log})" if one.log else ""))
            self._write("\n".join(lines) + "\n")

    def _stage(self, job: int) -> Stage | None:
        return self.stages.get(self.names.get(job, "").partition("/")[0])

    def _draw_on(self) -> None:
        while not self.ended.wait(REFRESH if self.live else BETWEEN_LINES):
            with self.lock:
                if self.live:
                    self._draw()
                else:
                    self._print_changed()

    def _at_work(self) -> dict[str, Stage]:
        return {rule: stage for rule, stage in self.stages.items() if stage.running}

    def _draw(self) -> None:
        """Draw the live block anew: a line per stage at work, and one for all."""
        now = time.monotonic()
        width, height = _size(self.stream)
        lines = [stage.live_line(now, bar=True) for stage in self._at_work().values()][: max(height - 3, 1)]
        done, total = (sum(getattr(stage, count) for stage in self.stages.values()) for count in ("done", "total"))
        lines.append(f"{done} of {total} jobs, {duration(now - self.began)}")
        self._write(self._cleared() + "".join(f"{line[: width - 1]}\n" for line in lines))
        self.drawn = len(lines)

    def _print_changed(self) -> None:
        now = time.monotonic()
        for rule, stage in self._at_work().items():
            state = (stage.done, stage.failed, [job.progress() for job in stage.running.values()])
            before, when = self.printed.get(rule, ((), -UNCHANGED))
            if state != before or now - when >= UNCHANGED:
                self.printed[rule] = state, now
                self._write(stage.live_line(now, bar=False) + "\n")

    def _cleared(self) -> str:
        """What moves the cursor to the first line of the live block and clears it."""
        drawn, self.drawn = self.drawn, 0
        return UP_AND_CLEAR.format(drawn) if drawn else ""

    def _write(self, text: str) -> None:
        try:
            self.stream.write(text)
            self.stream.flush()
        except (OSError, ValueError):
            self.ended.set()  # nobody reads any more; the run goes on


def _size(stream: TextIO) -> tuple[int, int]:
    """Columns and lines of a terminal."""
    try:
        size = os.get_terminal_size(stream.fileno())
    except (OSError, ValueError):
        return 80, 24
    return max(size.columns or 80, 20), max(size.lines or 24, 4)
