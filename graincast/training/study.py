"""A study: one trial after another, each at a point that the outcomes of those before it suggest (Optuna).

Points come from the tree-structured Parzen estimator (Bergstra et al. 2011, NeurIPS 24), the first STARTUP of them at
random. With pruning, a trial ends early where its lowest loss so far is above the median of what finished trials had
reached by then; the first COMPLETE finished trials, and the first quarter of each, are left alone.

A study resumes from its journal. Nothing that shapes it is kept in memory: the sampler is made anew for each trial,
seeded by the study's seed and the trial's number, and pruning looks at the journal alone. So a study that was
interrupted makes the same trials as one that was not, and a longer study begins with the trials of a shorter one.
"""

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.storages.journal import JournalFileBackend, JournalFileOpenLock, JournalStorage
from optuna.trial import FrozenTrial, TrialState

from graincast.microstructure import BadInput

STARTUP, COMPLETE = 10, 5
WARM_UP = 0.25
Watch = Callable[[int, float], None]
"""Called with a step of training and the loss there; it may raise Pruned, which ends the trial."""


class Pruned(Exception):
    """A trial has ended early."""


@dataclass(frozen=True)
class Range:
    """The values of an axis between two limits, both included."""

    low: float
    high: float
    log: bool = False
    integer: bool = False


@dataclass(frozen=True)
class Outcome:
    """What became of a trial.

    point   {axis: value}
    pruned  whether it ended early
    losses  {step: loss}, as far as they were watched
    """

    point: dict[str, Any]
    pruned: bool
    losses: dict[int, float]


def run(
    axes: Mapping[str, Range | list],
    trials: int,
    seed: int,
    attempt: Callable[[int, dict[str, Any], Watch], float],
    journal: Path,
    steps: int | None = None,
) -> list[Outcome]:
    """Run the trials that the journal lacks; returns the outcomes of all, by number.

    axes     a range, or the values to choose from; of a single one nothing is chosen
    attempt  attempt(number, point, watch) returns the value to minimise, and stores what belongs to the trial before
    journal  a file to resume from, made if it is not there; one process at a time writes it
    steps    of a whole training; None: no trial is pruned for its losses
    Raises BadInput if the journal is damaged, or if no trial came to an end.
    """
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    study = _opened(journal)
    if steps is not None:
        study.pruner = optuna.pruners.MedianPruner(n_startup_trials=COMPLETE, n_warmup_steps=int(WARM_UP * steps))
    for trial in study.get_trials(deepcopy=False):
        if trial.state == TrialState.RUNNING:  # interrupted: it is run again
            study.tell(trial.number, state=TrialState.FAIL)
    while len(finished := _finished(study)) < trials:
        _next(study, axes, len(finished), seed, attempt)
    if all(trial.state == TrialState.PRUNED for trial in finished):
        raise BadInput(f"none of {trials} trials came to an end; narrow the ranges of the grid")
    return [_outcome(trial, axes) for trial in finished[:trials]]


def _next(study: optuna.Study, axes: Mapping[str, Range | list], number: int, seed: int, attempt: Callable) -> None:
    own_seed = int(np.random.SeedSequence([seed, number]).generate_state(1)[0])
    study.sampler = optuna.samplers.TPESampler(seed=own_seed, n_startup_trials=STARTUP)
    trial = study.ask({axis: _distribution(one) for axis, one in axes.items()})

    def watch(step: int, loss: float) -> None:
        trial.report(loss, step)
        if trial.should_prune():
            raise Pruned

    try:
        value = attempt(number, _point(trial.params, axes), watch)
    except Pruned:
        study.tell(trial, state=TrialState.PRUNED)
    else:
        study.tell(trial, value)


def _opened(journal: Path) -> optuna.Study:
    """The study of a journal, without a last line that an interruption cut."""
    journal.parent.mkdir(parents=True, exist_ok=True)
    if journal.is_file():
        content = journal.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if whole != content:
            with journal.open("r+b") as file:
                file.truncate(len(whole))
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            storage = JournalStorage(JournalFileBackend(str(journal), lock_obj=_Alone(str(journal))))
            return optuna.create_study(storage=storage, study_name="study", load_if_exists=True)
    except (ValueError, LookupError, TypeError, AssertionError) as error:
        raise BadInput(f"{journal}: damaged ({error}); remove it and run again") from None


def _finished(study: optuna.Study) -> list[FrozenTrial]:
    return study.get_trials(deepcopy=False, states=(TrialState.COMPLETE, TrialState.PRUNED))


def _outcome(trial: FrozenTrial, axes: Mapping[str, Range | list]) -> Outcome:
    return Outcome(_point(trial.params, axes), trial.state == TrialState.PRUNED, dict(trial.intermediate_values))


def _point(params: Mapping[str, Any], axes: Mapping[str, Range | list]) -> dict[str, Any]:
    return {axis: params[axis] for axis in axes}


def _distribution(axis: Range | list) -> BaseDistribution:
    if isinstance(axis, list):
        return CategoricalDistribution(axis)
    if axis.integer:
        return IntDistribution(int(axis.low), int(axis.high), log=axis.log)
    return FloatDistribution(axis.low, axis.high, log=axis.log)


class _Alone(JournalFileOpenLock):
    """The lock of a journal that one process alone writes: a kill leaves nothing behind that the next waits for."""

    def acquire(self) -> bool:
        return True

    def release(self) -> None:
        pass
