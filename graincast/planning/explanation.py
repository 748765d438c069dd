"""What would run and why, in words: jobs grouped by the cause that sets them off, and how long they took before."""

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from graincast.planning.jobs import Job
from graincast.planning.recipes import State
from graincast.program.progress import duration

WORDS = {
    "regrow": ("shard of regrown runs", "shards of regrown runs"),
    "initialise": ("block of initial states", "blocks of initial states"),
    "simulate": ("batch of simulations", "batches of simulations"),
    "graphs": ("shard of graphs", "shards of graphs"),
    "split": ("split", "splits"),
    "summarise": ("summary", "summaries"),
    "ceiling": ("noise ceiling", "noise ceilings"),
    "check_rejected": ("check of rejected input", "checks of rejected input"),
    "export": ("export", "exports"),
    "predict": ("prediction", "predictions"),
    "features": ("feature table", "feature tables"),
    "encoder": ("encoder", "encoders"),
    "encoder_figures": ("set of encoder figures", "sets of encoder figures"),
    "encode": ("file of codes", "files of codes"),
    "encoded_features": ("table of learned features", "tables of learned features"),
    "vision_features": ("table of vision features", "tables of vision features"),
    "stacked_features": ("table of predictions to stack", "tables of predictions to stack"),
    "train": ("training job", "training jobs"),
    "study": ("study", "studies"),
    "measure": ("measurement", "measurements"),
    "log_trials": ("MLflow record of trials", "MLflow records of trials"),
    "members": ("ensemble", "ensembles"),
    "evaluate": ("evaluation", "evaluations"),
    "figures": ("set of figures", "sets of figures"),
    "model_card": ("model card", "model cards"),
    "log_experiment": ("MLflow record of an experiment", "MLflow records of experiments"),
    "compare": ("comparison", "comparisons"),
    "comparison_figure": ("comparison figure", "comparison figures"),
    "report": ("report", "reports"),
    "tracking_store": ("tracking store", "tracking stores"),
}
"""How many jobs of each rule read: one, several."""
BENCHMARKS = Path("results", "benchmarks")
MOST = 30
"""Groups that are shown at once."""
MOST_NAMES = 12
"""Names that are listed in a line."""


@dataclass
class Group:
    """Jobs that one cause sets off.

    cause   in words; "" where the recipes know none
    places  the experiments and data sets where it is found
    jobs    those with the cause, and those downstream of them that no earlier group has
    """

    cause: str
    places: list[str] = field(default_factory=list)
    jobs: list[Job] = field(default_factory=list)


def grouped(states: Iterable[State], running: set[str]) -> list[Group]:
    """The jobs among `running` (names), grouped by cause, in the order of the jobs."""
    groups: dict[str, Group] = {}
    group_of: dict[str, Group] = {}
    for state in states:
        job = state.job
        if job.name not in running:
            continue
        inherited = [group_of[path] for path in state.recipe["made_from"] if path in group_of]
        if state.causes or not inherited:
            cause = state.causes[0] if state.causes else ""
            group = groups.setdefault(cause, Group(cause))
            place = _place(job)
            if place and place not in group.places:
                group.places.append(place)
        else:
            group = inherited[0]
        group.jobs.append(job)
        group_of.update(dict.fromkeys(job.outputs, group))
    return list(groups.values())


def lines(groups: list[Group], benchmarks: Path = BENCHMARKS, every_job: bool = False) -> list[str]:
    """The groups as lines to print.

    every_job  list each job too
    """
    if not groups:
        return ["everything is up to date"]
    shown = []
    for group in groups if every_job else groups[:MOST]:
        places = ", ".join(group.places[:3]) + (f" and {len(group.places) - 3} more" if len(group.places) > 3 else "")
        head = (group.cause or "inputs are newer") + (f" ({places})" if places else "")
        shown.append(f"{head}: {_counted(group.jobs)}{_time(group.jobs, benchmarks)}")
        if every_job:
            shown += [f"  {job.name}" for job in group.jobs]
    if not every_job and len(groups) > MOST:
        shown.append(f"… and {len(groups) - MOST} other causes (--all lists them)")
    every = [job for group in groups for job in group.jobs]
    if len(groups) > 1:
        shown.append(f"in all {len(every)} jobs{_time(every, benchmarks)}")
    return shown


def header(config_file: str, config: dict, groups: list[Group]) -> list[str]:
    """What a run begins with: its configuration, data sets and experiments, and what will run and why."""
    datasets = [f"{name} ({about['source']})" for name, about in config["datasets"].items()]
    return [
        f"configuration  {config_file}",
        f"data sets      {_listed(datasets)}",
        f"experiments    {_listed(list(config['experiments']))}",
        *(f"{'to do' if number == 0 else '':14} {line}" for number, line in enumerate(lines(groups))),
        "",
    ]


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMES} more" if len(names) > MOST_NAMES else ""
    return (", ".join(names[:MOST_NAMES]) or "none") + more


def _place(job: Job) -> str:
    for key in ("experiment", "dataset"):
        if key in job.wildcards:
            return f"{key.replace('dataset', 'data set')} {job.wildcards[key]}"
    return ""


def _counted(jobs: list[Job]) -> str:
    counts = Counter(job.rule for job in jobs)
    return ", ".join(f"{count} {WORDS[rule][count > 1]}" for rule, count in counts.items())


def _time(jobs: list[Job], benchmarks: Path) -> str:
    """The time that these jobs took before, one after the other; "" where nothing is known."""
    known = [seconds for seconds in (earlier_seconds(job.name, benchmarks) for job in jobs) if seconds is not None]
    if not known:
        return ""
    unknown = len(jobs) - len(known)
    return f"; about {duration(sum(known))} by earlier runs" + (f", {unknown} of them new" if unknown else "")


def earlier_seconds(name: str, benchmarks: Path = BENCHMARKS) -> float | None:
    """The wall time of the last run of the job of this name; None where none is known."""
    try:
        *_, last = (benchmarks / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
        return float(json.loads(last)["s"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
