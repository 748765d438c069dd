"""Snakemake's errors as one line each, with a remedy in the words of `make`."""

import builtins
import re

WORDS = (
    (
        r"Directory cannot be locked.* directory: (?P<folder>\S+) If you are sure.*",
        r"\g<folder>: locked by another run, or by one that was killed: wait until it has ended, or unlock with "
        "`make run ARGS=--unlock`",
    ),
    (
        r"No rule to produce (?P<file>\S+).*",
        r"\g<file>: no step makes this; correct the name, or name in the configuration what it is of",
    ),
    (
        r".*Errno 2\] No such file or directory: '(?P<file>.*)'",
        r"\g<file>: no such file; correct the path, and end a list of configuration files or overrides with -- "
        '(ARGS="--configfile FILES -- TARGETS")',
    ),
    (r".*Errno 21\] Is a directory: '(?P<file>.*)'", r"\g<file>: a folder; name a configuration file in it"),
    (
        r"Invalid config definition: .*\(Unparsable value: '?(?P<value>.*?)'?\)",
        r"--config \g<value>: not KEY=VALUE; end the overrides with -- before targets "
        '(ARGS="--config KEY=VALUE -- TARGETS")',
    ),
    (
        r"Config file is not valid JSON or YAML.*",
        "a configuration file is not valid YAML; `python -m graincast config FILE` names the line",
    ),
)
"""What Snakemake says, as a pattern of the whole message, and what to say instead."""
REFUSED = re.compile(r"SLURM sbatch failed\. The error message was '(?P<words>.*)'\.\n\s+sbatch call:", re.DOTALL)
BUSY = re.compile(r"timed out|contact slurm|unexpected message|temporarily|connect failure", re.IGNORECASE)
LIMIT = re.compile(r"submit ?job|job submit limit", re.IGNORECASE)
"""What the executor says where sbatch failed, and two kinds of sbatch's reasons."""
PLACE = re.compile(r'\s+File "|Traceback|WorkflowError|\s*[\^~]+\s*\Z')
CLASS = re.compile(r"\A(?:\w+\.)*(?P<name>\w+(?:Error|Exception))(?: in [^:]*)?:\s*")


def plain(message: str) -> str:
    """An error without class names and places in source files, which no user can mend.

    Of a traceback, only its last line tells the cause. An error that nobody foresaw keeps its class.
    """
    lines = [line for line in message.splitlines() if line.strip() and not PLACE.match(line)]
    if "Traceback (most recent call last)" in message:
        lines = lines[-1:]
    text = " ".join(line.strip() for line in lines)
    words = CLASS.sub("", text).removeprefix("Error: ")
    for pattern, ours in WORDS:
        if found := re.fullmatch(pattern, words):
            return "error: " + found.expand(ours)
    raised = CLASS.match(text)
    if raised and hasattr(builtins, raised["name"]):
        return f"error: {raised['name']}: {words}; VERBOSE=1 shows where"
    return "error: " + words


def not_submitted(message: str) -> str:
    """Why sbatch did not take a job, with a remedy; "" if the message of its failure is about something else."""
    refused = REFUSED.search(message)
    if not refused:
        return ""
    words = "; ".join(line.removeprefix("sbatch: error: ") for line in refused["words"].splitlines() if line.strip())
    if BUSY.search(words):
        remedy = "SLURM was busy: run again, with more `retries` if it stays busy"
    elif LIMIT.search(words):
        remedy = "fewer `jobs` at once, below this limit"
    else:
        remedy = "correct partition, account or limits in the profile"
    return f"not submitted: {words}; {remedy}"
