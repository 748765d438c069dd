"""The stages of a run: how many jobs of each are done, and a line of text that says so."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from graincast.program.log_file import last_lines
from graincast.program.progress import duration

BAR = 20  # characters
COUNTED = re.compile(r"^[^:]+: ([\d,]+)/([\d,]+) (.*)$")
"""A line of graincast.program.progress: done, total, and the rest (unit, rate, time left)."""


@dataclass
class Running:
    """A job that runs, or waits in a queue.

    logs  the paths of its logs
    """

    name: str
    logs: list[str]

    def progress(self) -> tuple[float, str]:
        """The fraction done, and what the last line of its log says; (0, "") where it says nothing of progress."""
        line = next(iter(last_lines(self.logs[:1], 1)), "")
        counted = COUNTED.match(line)
        if not counted:
            return 0.0, ""
        done, total = (float(number.replace(",", "")) for number in counted.groups()[:2])
        return min(done / total, 1.0) if total else 0.0, line


@dataclass
class Stage:
    """The jobs of one rule.

    words     what one of them, and several, are called
    expected  the seconds that each took before, by name; None where it has not run before
    """

    words: tuple[str, str]
    expected: dict[str, float | None]
    running: dict[int, Running] = field(default_factory=dict)
    done: int = 0
    failed: int = 0
    started: float | None = None

    @property
    def total(self) -> int:
        return len(self.expected)

    @property
    def complete(self) -> bool:
        return self.done >= self.total

    def closing_line(self, now: float) -> str:
        """How the stage ended."""
        parts = [f"{self._name()}: {self.done} of {self.total}"]
        if self.started is not None and self.complete:
            parts.append(f"in {duration(now - self.started)}")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if rest := self.total - self.done - self.failed:
            parts.append(f"{rest} not run")
        return ", ".join(parts)

    def live_line(self, now: float, bar: bool) -> str:
        """How the stage stands: jobs done, rate, time left, and the progress of the job that is furthest behind."""
        inner = [job.progress() for job in self.running.values()]
        fraction = (self.done + sum(part for part, _ in inner)) / self.total
        elapsed = now - self.started if self.started is not None else 0.0
        filled = int(BAR * fraction)
        parts = [f"{self.done} of {self.total}"]
        if self.running:
            parts.append(f"{len(self.running)} at work")
        if self.failed:
            parts.append(f"{self.failed} failed")
        if self.done and elapsed > 0:
            parts.append(_rate(self.done / elapsed))
        left = self._left(fraction, elapsed)
        if left is not None:
            parts.append(f"about {duration(left)} left")
        texts = [text for _, text in sorted(inner) if text]
        head = f"{self._name()} [{'#' * filled}{'-' * (BAR - filled)}]" if bar else f"{self._name()}:"
        return f"{head} {', '.join(parts)}" + (f" | {texts[0]}" if texts else "")

    def _left(self, fraction: float, elapsed: float) -> float | None:
        """Seconds left by what is done, and before anything is, by earlier runs; None where neither is known."""
        if fraction > 0:
            return elapsed * (1 - fraction) / fraction
        known = [seconds for seconds in self.expected.values() if seconds is not None]
        if not known:
            return None
        estimate = sum(known) / len(known) * self.total / max(len(self.running), 1)
        return estimate - elapsed if estimate > elapsed else None

    def _name(self) -> str:
        return self.words[self.total > 1]


def stages(expected: Mapping[str, float | None], words: Mapping[str, tuple[str, str]]) -> dict[str, Stage]:
    """The stages of the jobs that will run, by rule, in the order of the jobs (names: rule/wildcards)."""
    found: dict[str, Stage] = {}
    for name, seconds in expected.items():
        rule = name.partition("/")[0]
        stage = found.setdefault(rule, Stage(words.get(rule, (rule, rule)), {}))
        stage.expected[name] = seconds
    return found


def _rate(per_second: float) -> str:
    return f"{per_second:.1f}/s" if per_second >= 1 else f"{60 * per_second:.3g}/min"
