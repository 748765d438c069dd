"""Progress of long steps as plain lines (done, rate, time left), alike in log files and on terminals."""

import sys
import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

T = TypeVar("T")
SECONDS_BETWEEN_LINES = 3.0


class Progress:
    """Counts completed work and writes a line to standard error every few seconds, and one at the end.

    Rate and time left exclude the first item, which includes compilation and imports.

    title  the step's name, at the head of each line, e.g. "graphs deepspparks/0003"
    total  amount of work, in `unit`
    """

    def __init__(self, title: str, total: float, unit: str) -> None:
        self.title, self.total, self.unit = title, total, unit
        self.done = 0.0
        self.started = self.written = time.monotonic()
        self.first: tuple[float, float] | None = None  # work done and time at the first measurement

    def advance(self, amount: float = 1, note: str = "") -> None:
        """Count `amount` more as done; `note` (a loss, say) ends the line."""
        self.done += amount
        now = time.monotonic()
        finished = self.done >= self.total
        if finished or now - self.written >= SECONDS_BETWEEN_LINES:
            self.written = now
            print(self._line(now, finished, note), file=sys.stderr, flush=True)
        if self.done and self.first is None:
            self.first = self.done, now

    def _line(self, now: float, finished: bool, note: str) -> str:
        parts = [f"{self.title}: {self.done:,.0f}/{self.total:,.0f} {self.unit}"]
        elapsed = now - self.started
        if finished:
            parts += [f"{self.done / elapsed:,.3g}/s"] if elapsed > 0 else []
            parts += [f"in {duration(elapsed)}"]
        elif self.first and self.done > self.first[0] and now > self.first[1]:
            rate = (self.done - self.first[0]) / (now - self.first[1])
            parts += [f"{rate:,.3g}/s", f"{duration((self.total - self.done) / rate)} left"]
        return ", ".join([*parts, note] if note else parts)


def track(items: Iterable[T], title: str, total: int, unit: str) -> Iterator[T]:
    """Yield the items, counting each as done when the next is requested."""
    progress = Progress(title, total, unit)
    for item in items:
        yield item
        progress.advance()


def duration(seconds: float) -> str:
    """Seconds as readable text: 0.4 s, 12 s, 3 min 20 s, 2 h 5 min."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 1:
        return f"{rest} s"
    hours, minutes_left = divmod(minutes, 60)
    return f"{minutes} min {rest} s" if hours < 1 else f"{hours} h {minutes_left} min"
