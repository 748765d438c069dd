"""All figures of an experiment, drawn from its stored results."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from graincast.evaluation import ablation, classification, metrics, operating_curves, test_data, trial_table
from graincast.evaluation.metrics import METRICS
from graincast.experiment.grid import number, study_trial_number
from graincast.experiment.record import read_record
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO
from graincast.figures import experiment, reliability
from graincast.figures.operating_curves import operating_curves as draw_operating_curves
from graincast.files import hdf5
from graincast.microstructure import BadInput

AGAINST = ("propagation_steps", "variance", "c")
"""The axes of a grid that a figure shows the score against."""


@dataclass(frozen=True)
class Stored:
    """The stored results of an experiment.

    result       content of test_metrics.json
    records      content of trials.json of each training job, by the job's folder
    predictions  path of predictions.csv
    """

    result: dict
    records: dict[Path, dict]
    predictions: Path

    @property
    def trials(self) -> list[dict]:
        """The entries of all jobs' trials."""
        return [trial for record in self.records.values() for trial in record["trials"]]

    @property
    def searched(self) -> bool:
        """Whether each fold has a study of its own in place of the points of a grid."""
        return "search" in self.result

    @property
    def kind(self) -> str:
        """The kind of target."""
        return self.result["target"]["kind"]

    @property
    def title(self) -> str:
        """The experiment's name, with the network that made its features."""
        name, network = self.result["experiment"], self.result.get("network")
        return f"{name} ({network})" if network else name


@dataclass(frozen=True)
class Drawn:
    """A figure; its name, as of a file without ending; and what it shows, in words for those who cannot see it."""

    name: str
    figure: Figure
    words: str


def stored(metrics_file: Path, trials: Sequence[Path], predictions: Path) -> Stored:
    """Read the results of an experiment. trials: the folders of its training jobs."""
    result = json.loads(metrics_file.read_text(encoding="utf-8"))
    return Stored(result, {folder: read_record(folder) for folder in trials}, predictions)


def figures(of: Stored) -> Iterator[Drawn]:
    """Every figure that the results have data for."""
    for threshold, outcome in of.result["thresholds"].items():
        suffix = f"_t{threshold}" if threshold else ""
        task = f"{of.title}, growth ratio > {threshold}" if threshold else of.title
        yield from _training_curves(of, outcome["chosen_trial"], suffix)
        yield from (_study if of.searched else _chosen_trial)(of, threshold, outcome, task, suffix)
        yield from _tested(of, threshold, outcome, task, suffix)
    score, select = metrics.headline(of.kind), of.result["select"]
    ratio = trial_table.validation_to_train(of.result["groups"])
    for axis in () if of.searched else AGAINST:
        values = {trial["params"].get(axis) for trial in of.trials}
        if len(values) > 1:
            figure = experiment.score_against(of.trials, axis, score, select, ratio, of.title)
            against = f"{len(values)} values of {axis.replace('_', ' ')}"
            words = f"Validation {METRICS[score].label} of {of.title} against {against}."
            yield Drawn(f"{score}_against_{axis}", figure, words)
    if "feature_subset" in of.trials[0]["params"]:
        yield from _importance(of, score, select)


def classes_of(of: Stored) -> list[str]:
    """The names of the classes that are predicted."""
    return of.result["classes"] or ["normal", "abnormal"]


def confusion(of: Stored, tested: test_data.Predictions) -> np.ndarray:
    """The counts of true and predicted classes, int64 [classes, classes]."""
    predicted = tested.predicted > 0.5 if of.kind == ABNORMAL else tested.predicted
    return classification.confusion(tested.true.astype(int), predicted.astype(int), len(classes_of(of)))


def _training_curves(of: Stored, trial: str, suffix: str) -> Iterator[Drawn]:
    """A model that is not trained in steps has none."""
    steps, curves, columns, kept = _curves(of.records, trial)
    if steps.size:
        unit = next(iter(of.records.values()))["unit"]
        figure = experiment.training_curves(steps, curves, columns, kept, f"{of.title}: {trial}", unit)
        words = (
            f"Loss and a second measure of trial {trial} of {of.title} on training and validation data against its "
            f"{steps[-1]} {unit}s; the checkpoint that was kept is at {np.median(kept):g}."
        )
        yield Drawn(f"training_curves{suffix}", figure, words)


def _curves(records: dict[Path, dict], name: str) -> tuple[np.ndarray, np.ndarray, list[str], np.ndarray]:
    """A trial's steps, curves by fold, their columns, and kept iterations."""
    for folder, record in records.items():
        for i, trial in enumerate(record["trials"]):
            if trial["trial"] == name:
                with hdf5.opened(folder / "history.h5") as file:
                    kept = np.array([measured["iteration"] for measured in trial["by_fold"].values()])
                    columns = [column.decode() for column in file.attrs["columns"]]
                    return file["steps"][:], file["curves"][i], columns, kept
    raise BadInput(f"the chosen trial {name} is in none of the experiment's training jobs")


def _chosen_trial(of: Stored, threshold: str, outcome: dict, task: str, suffix: str) -> Iterator[Drawn]:
    """There is nothing to choose from a single trial."""
    trials = [trial for trial in of.trials if number(trial["params"].get("threshold")) == threshold]
    if len(trials) > 1:
        select, ratio = of.result["select"], trial_table.validation_to_train(of.result["groups"])
        heading = f"{task}: trials by their score on validation data"
        figure = experiment.chosen_trial(trials, outcome["chosen_by_fold"], select, ratio, heading)
        best = f"The best of {len(trials)} trials of {task} by validation {METRICS[select].label}"
        words = f"{best}; chosen was {outcome['chosen_trial']}."
        yield Drawn(f"chosen_trial{suffix}", figure, words)


def _study(of: Stored, threshold: str, outcome: dict, task: str, suffix: str) -> Iterator[Drawn]:
    """What more trials brought, in each fold."""
    select = of.result["select"]
    by_fold: dict[str, dict[int, float | None]] = {}
    for trial in of.trials:
        if number(trial["params"].get("threshold")) == threshold:
            for fold, measured in trial["by_fold"].items():
                by_fold.setdefault(fold, {})[study_trial_number(trial["trial"])] = measured[select]
    count = of.result["search"]["trials"]
    ended = count * len(by_fold) - sum(map(len, by_fold.values()))
    figure = experiment.study(list(by_fold.values()), count, select, f"{task}: search of the ranges")
    words = (
        f"Best validation {METRICS[select].label} of {task} after each of {count} trials, in each of {len(by_fold)} "
        f"folds; {ended} trials ended early."
    )
    yield Drawn(f"search{suffix}", figure, words)


def _tested(of: Stored, threshold: str, outcome: dict, task: str, suffix: str) -> Iterator[Drawn]:
    """What the test predictions show."""
    tested = test_data.read(of.predictions, threshold)
    folds = len(outcome["test_by_fold"])
    measured = metrics.in_words(of.kind, outcome["test"], outcome.get("test_interval"))
    heading = f"{task}: test {measured}"
    if folds > 1:
        heading += f"\nmeans over {folds} folds; drawn are all {tested.true.size} predictions"
    if outcome["cautions"]:
        heading += f"\ncaution: {'; '.join(outcome['cautions'])}"
    if of.kind == GROWTH_RATIO:
        figure = experiment.predicted_against_true(tested.true, tested.predicted, heading)
        words = f"{tested.true.size} predicted against true growth ratios of {of.title}: {measured}."
        yield Drawn(f"predicted_against_true{suffix}", figure, words)
        return
    counts, classes = confusion(of, tested), classes_of(of)
    right = ", ".join(
        f"{row[i]} of {row.sum()} {name}" for i, (name, row) in enumerate(zip(classes, counts, strict=True))
    )
    figure = experiment.confusion_matrix(counts, classes, heading)
    yield Drawn(f"confusion_matrix{suffix}", figure, f"Confusion matrix of {task}: right are {right}.")
    if of.kind != ABNORMAL:
        return
    if calibrated := outcome.get("calibration"):
        probability = {
            "as predicted": tested.predicted,
            "calibrated on validation data": tested.calibrated(calibrated["by_fold"]),
        }
        figure = reliability.reliability(
            tested.true > 0.5, probability, tested.copies, f"{task}: reliability on test data"
        )
        error = ", ".join(
            f"{label} {one['test']['ece']:.3f}"
            for label, one in (("as predicted", outcome), ("calibrated", calibrated))
        )
        words = f"Frequency of abnormal growth against its probability, {task}. Calibration error: {error}."
        yield Drawn(f"reliability{suffix}", figure, words)
    curves = operating_curves.curves(tested)
    if curves is not None:
        figure = draw_operating_curves(curves, folds > 1, f"{task}: ROC and precision-recall on test data")
        auc = outcome["test"]["auc"]
        words = f"ROC and precision-recall curves of {task} on test data; the area under the ROC curve is {auc:.3f}."
        yield Drawn(f"roc_and_precision_recall{suffix}", figure, words)


def _importance(of: Stored, score: str, select: str) -> Iterator[Drawn]:
    """The gain from each feature, for each threshold."""
    for threshold in sorted({trial["params"].get("threshold") for trial in of.trials}):
        trials = [trial for trial in of.trials if trial["params"].get("threshold") == threshold]
        gains = ablation.importance(ablation.best_by_feature_subset(trials, select), score)
        mean, error, pairs = (np.array(column) for column in zip(*gains.values(), strict=True))
        text = number(threshold)
        heading = f"{of.title}, growth ratio > {text}" if text else of.title
        figure = experiment.importance(list(gains), mean, error, pairs, score, heading)
        best = max(gains, key=lambda feature: np.nan_to_num(gains[feature][0], nan=-np.inf))
        gain = f"Gain in validation {METRICS[score].label} from each of {len(gains)} features, {heading}"
        words = f"{gain}; the largest is that of {best}."
        yield Drawn(f"feature_importance{f'_t{text}' if text else ''}", figure, words)
