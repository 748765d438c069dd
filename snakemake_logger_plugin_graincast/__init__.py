"""What `make` shows of a run: a header, a line per stage, failures with their causes (`snakemake --logger graincast`).

Snakemake finds the plugin by its name, with the project's folder on Python's path. Its own lines are in
.snakemake/log/ all the same. Until `begin` is called (planning, a dry run), messages pass as Snakemake words them.
"""

import logging
import os
import sys
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_graincast.errors import plain

if TYPE_CHECKING:
    from snakemake_logger_plugin_graincast.screen import Screen

QUIET = (
    "Assuming unrestricted", "Building DAG", "Using shell", "Conda environments: ignored", "Group jobs: inactive",
    "Singularity containers: ignored", "Complete log(s)", "Elapsed time", "host:", "Provided", "SLURM run ID",
)  # fmt: skip
"""Beginnings of lines that say nothing of the workflow."""
TOLD = ("Exiting because a job execution failed", "At least one job did not complete")
"""Errors that the list of failed jobs says better."""
INTERRUPTED = ("Terminating processes", "Cancelling", "Will exit after finishing")


class LogHandler(LogHandlerBase):
    """Passes Snakemake's events to a screen."""

    writes_to_stream = True
    writes_to_file = False
    has_formatter = False
    needs_rulegraph = False

    @property
    def has_filter(self) -> bool:
        """Whether Snakemake's own filter is left out: it is wanted where all is shown as Snakemake words it."""
        return not self.common_settings.dryrun

    def __post_init__(self) -> None:
        self.stream = sys.stdout if self.common_settings.stdout else sys.stderr
        self.screen: Screen | None = None
        self.stdout: int | None = None
        self.seen: set[str] = set()

    def begin(self, header: Iterable[str], expected: Mapping[str, float | None], words: Mapping[str, tuple]) -> None:
        """Show the header; from now on, keep what jobs print to their logs.

        expected  the seconds that each job which will run took before, None if it has not run, by the job's name
        words     what jobs of each rule are called: one, several
        """
        from snakemake_logger_plugin_graincast.screen import Screen

        self.stream.flush()
        for line in header:
            print(line, file=self.stream)
        self.screen = Screen(self.stream, expected, words)
        sys.stdout.flush()
        self.stdout = os.dup(1)
        with open(os.devnull, "wb") as nowhere:  # noqa: PTH123
            os.dup2(nowhere.fileno(), 1)

    def end(self) -> None:
        """Show how the stages stand, and let the output of programs through again."""
        if self.screen is not None:
            self.screen.end()
        if self.stdout is not None:
            sys.stdout.flush()
            os.dup2(self.stdout, 1)
            os.close(self.stdout)
            self.stdout = None

    def close(self) -> None:
        """The causes of failures are the last that a person sees."""
        self.end()
        if self.screen is not None:
            self.screen.show_causes()
            self.screen = None
        super().close()

    def emit(self, record: logging.LogRecord) -> None:
        try:
            if self.common_settings.dryrun and record.levelno < logging.ERROR:
                self._pass(self.format(record))
            else:
                self._show(record)
        except OSError:
            pass  # nobody reads any more; the run goes on
        except Exception:
            self.handleError(record)

    def _show(self, record: logging.LogRecord) -> None:
        event, screen = getattr(record, "event", None), self.screen
        about = record.__dict__
        if screen and event == LogEvent.JOB_INFO:
            name = "/".join([about["rule_name"], *map(str, about["wildcards"].values())])
            screen.started(about["jobid"], name, about["log"])
        elif screen and event == LogEvent.JOB_FINISHED:
            screen.finished(about["job_id"])
        elif screen and event in (LogEvent.JOB_ERROR, LogEvent.GROUP_ERROR):
            for job in about.get("job_error_info", [about]):
                logs = [file.split(" (")[0] for file in [*job["log"], *about.get("aux_logs", [])]]
                screen.failed(job["jobid"], job["rule_name"], logs, about.get("rule_msg") or "")
        elif record.levelno >= logging.ERROR:
            self._error(record.getMessage(), about.get("exception"))
        elif record.levelno >= logging.WARNING or (event is None and self._is_told(record.getMessage())):
            self._once(record.getMessage())

    def _is_told(self, message: str) -> bool:
        """Whether a line of Snakemake's that is neither a warning nor an error is worth showing."""
        return message.startswith(INTERRUPTED) if self.screen is not None else not message.startswith(QUIET)

    def _error(self, message: str, exception: str | None) -> None:
        if self.screen is not None and exception == "RuleException" and "CalledProcessError in" in message:
            return  # comes with the job's own error
        if not any(told in message for told in TOLD):
            self._once(plain(message) if exception not in (None, "KeyboardInterrupt") else message)

    def _once(self, message: str) -> None:
        if message not in self.seen:
            self.seen.add(message)
            self._pass(message)

    def _pass(self, message: str) -> None:
        if message in ("", "None"):
            return
        if message.startswith("Nothing to be done"):
            message = "everything is up to date"
        if self.screen is not None:
            self.screen.say(message)
        else:
            print(message, file=self.stream, flush=True)
