"""Work on many items in several processes: results in the order of the items, few of which are held at once."""

import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import Any, TypeVar

from graincast.program.workflow import end_with_parent

T = TypeVar("T")
R = TypeVar("R")
WAITING = 2
"""Items for each process that are at work or wait for it."""

_work: Callable[[Any], Any]


def in_order(work: Callable[[T], R], items: Iterable[T], processes: int) -> Iterator[R]:
    """The result of `work` for each item, in order; with one process, in this one.

    Items and results go from process to process, `work` itself need not. What it raises is raised here. The processes
    end with this one, even if it is killed.
    """
    if processes == 1:
        yield from map(work, items)
        return
    context = multiprocessing.get_context("fork")  # so that functions of extensions need no names
    pool = ProcessPoolExecutor(processes, context, initializer=_start, initargs=(work, os.getpid()))
    waiting: deque[Future[R]] = deque()
    try:
        for item in items:
            waiting.append(pool.submit(_do, item))
            if len(waiting) == WAITING * processes:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()
    finally:
        pool.shutdown(cancel_futures=True)


def _start(work: Callable[[Any], Any], parent: int) -> None:
    global _work
    _work = work
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    end_with_parent()
    if os.getppid() != parent:
        os._exit(0)


def _do(item: Any) -> Any:
    return _work(item)
