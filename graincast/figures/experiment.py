"""Figures of experiments: training curves, confusion matrices, predicted against true, scores, comparisons."""

import itertools
import math
from collections import Counter
from collections.abc import Mapping, Sequence

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import stdtrit

from graincast.evaluation.metrics import METRICS, headline, selection_score
from graincast.evaluation.trial_table import interval, ranked
from graincast.figures.style import BLUE, GREY, MARKERS, RED, WHISKERS, dots, titled
from graincast.graphs.palette import BOUNDARY_COLOUR

BAND = (0.1, 0.9)  # quantiles
MAX_SCATTER = 3000  # points; more are drawn as counts
AXIS_NAMES = {
    "propagation_steps": "propagation steps K",
    "variance": "fraction of variance kept by PCA",
    "c": "C of the SVM",
}
MAX_TRIALS = 12
LOGARITHMIC = ("c", "learning_rate")


def training_curves(
    steps: np.ndarray, curves: np.ndarray, columns: Sequence[str], kept: np.ndarray, title: str, unit: str = "iteration"
) -> Figure:
    """The loss and a second measure against steps: the mean over folds, with the range of most folds shaded.

    steps    [evaluations]
    curves   [folds, evaluations, columns], NaN after an early stop
    columns  train_loss, validation_loss, and the same for a second measure, such as train_accuracy
    kept     [folds], the steps whose checkpoints were kept
    """
    figure = Figure(figsize=(7, 3.4), layout="constrained")
    for axes, first in zip(figure.subplots(1, 2), (0, 2), strict=True):
        subsets = (("training", BLUE, "--"), ("validation", RED, "-"))
        for column, (name, colour, style) in zip((first, first + 1), subsets, strict=True):
            values = curves[..., column]
            ran = ~np.isnan(values).all(axis=0)
            label = f"{name}, mean" if len(curves) > 1 else name
            axes.plot(steps[ran], np.nanmean(values[:, ran], axis=0), style, color=colour, label=label)
            if len(curves) > 1:
                band = "{:.0%} to {:.0%} of {} folds".format(*BAND, len(curves))
                low, high = np.nanquantile(values[:, ran], BAND, axis=0)
                axes.fill_between(steps[ran], low, high, color=colour, alpha=0.2, linewidth=0, label=band)
        checkpoint = "checkpoint kept, median" if len(curves) > 1 else "checkpoint kept"
        axes.axvline(np.median(kept), color=GREY, linestyle=":", linewidth=1, label=checkpoint)
        measure = columns[first].removeprefix("train_")
        axes.set(xlabel=unit, ylabel=METRICS[measure].label if measure in METRICS else measure)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3, frameon=False, fontsize=8)
    titled(figure, title)
    return figure


def confusion_matrix(counts: np.ndarray, classes: Sequence[str], title: str) -> Figure:
    """Counts of true (rows) against predicted classes, summed over folds, with the fractions of each row."""
    counts = np.asarray(counts, float)
    fraction = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    n = len(classes)
    figure = Figure(figsize=(2.2 + 0.6 * n, 2.0 + 0.6 * n), layout="constrained")
    axes = figure.subplots()
    axes.imshow(fraction, cmap="Blues", vmin=0, vmax=1)
    for i, j in np.ndindex(n, n):
        colour = "white" if fraction[i, j] > 0.55 else BOUNDARY_COLOUR  # which no page turns light
        axes.text(j, i, f"{counts[i, j]:,.0f}\n{fraction[i, j]:.0%}", ha="center", va="center", color=colour)
    ticks = range(n)
    axes.set(xticks=ticks, yticks=ticks, xticklabels=classes, yticklabels=classes, xlabel="predicted", ylabel="true")
    axes.spines[:].set_visible(False)
    titled(figure, title)
    return figure


def predicted_against_true(true: np.ndarray, predicted: np.ndarray, title: str) -> Figure:
    """Predicted against true growth ratios, [n] each, with the line of equality.

    No growth ratio is negative: a prediction below 0 is drawn at 0, and counted below the axis.
    """
    below, predicted = int((predicted < 0).sum()), np.maximum(predicted, 0)
    figure = Figure(figsize=(4, 3.8), layout="constrained")
    axes = figure.subplots()
    highest = 1.03 * max(true.max(), predicted.max())
    if true.size > MAX_SCATTER:
        cells = axes.hexbin(
            true, predicted, gridsize=50, bins="log", cmap="Blues", mincnt=1, extent=(0, highest, 0, highest)
        )
        figure.colorbar(cells, label="grains")
    else:
        axes.scatter(true, predicted, s=9, color=BLUE, alpha=0.35, linewidth=0)
    axes.plot([0, highest], [0, highest], color=GREY, linewidth=1, linestyle=":")
    axes.set(xlabel="true growth ratio", ylabel="predicted growth ratio", xlim=(0, highest), ylim=(0, highest))
    if below:
        figure.supxlabel(f"{below} predictions below 0 are drawn at 0.", fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def score_against(trials: list[dict], axis: str, score: str, select: str, ratio: float, title: str) -> Figure:
    """A validation score against an axis of the grid: at each value, the trial with the best `select`.

    trials  entries of trials.json; each threshold gets a line
    ratio   of validation groups to training groups, for the intervals over several folds
    """
    figure = Figure(figsize=(4.4, 3.4), layout="constrained")
    axes = figure.subplots()
    thresholds = sorted({trial["params"].get("threshold") for trial in trials})
    folds = len(trials[0]["by_fold"])
    colours = mpl.colormaps["viridis"](np.linspace(0.25, 0.8, len(thresholds)))
    for threshold, colour, marker in zip(thresholds, colours, itertools.cycle(MARKERS)):
        best: dict[float, dict] = {}
        for trial in trials:
            position, metrics = trial["params"][axis], trial["validation"]
            if trial["params"].get("threshold") == threshold and (
                position not in best
                or selection_score(select, metrics[select])
                > selection_score(select, best[position]["validation"][select])
            ):
                best[position] = trial
        positions = sorted(best)
        by_fold = [best[position]["by_fold"].values() for position in positions]
        scores = [np.array([metrics[score] for metrics in folds_of], float) for folds_of in by_fold]  # undefined: NaN
        mean = np.array([np.mean(fold_scores) for fold_scores in scores])
        label = None if threshold is None else f"growth ratio > {threshold:g}"
        if folds > 1:
            limits = np.array([interval(best[at], score, ratio) or (math.nan, math.nan) for at in positions])
            whiskers = np.abs(limits - mean[:, None]).T
            axes.errorbar(positions, mean, whiskers, color=colour, marker=marker, capsize=3, label=label)
        else:
            axes.plot(positions, mean, color=colour, marker=marker, label=label)
    axes.set(xlabel=AXIS_NAMES.get(axis, axis), ylabel=f"validation {METRICS[score].label}")
    if axis in LOGARITHMIC:
        axes.set_xscale("log")
    else:
        axes.set_xticks(sorted({trial["params"][axis] for trial in trials}))
    if thresholds != [None]:
        axes.legend(frameon=False, fontsize=8)
    adjective = "best" if METRICS[select].larger_is_better else "lowest"
    caption = f"At each point, the trial with the {adjective} validation {METRICS[select].label}." + (
        f"\n{WHISKERS} n: {folds} folds." if folds > 1 else ""
    )
    figure.supxlabel(caption, fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def importance(
    names: Sequence[str], gain: np.ndarray, error: np.ndarray, pairs: np.ndarray, score: str, title: str
) -> Figure:
    """The gain in a validation score from each feature, [features] each; the largest on top.

    error  standard error of each gain
    pairs  number of pairs of subsets that each gain is the mean over, int64
    """
    order = np.argsort(-gain)
    figure = Figure(figsize=(5, 1.4 + 0.32 * len(names)), layout="constrained")
    axes = figure.subplots()
    half = stdtrit(np.maximum(pairs - 1, 1), 0.975) * error
    limits = [(gain[i] - half[i], gain[i] + half[i]) for i in order]
    dots(axes, [f"{names[i]}, n = {pairs[i]}" for i in order], gain[order], limits)
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set_xlabel(f"gain in validation {METRICS[score].label}")
    caption = f"Gain from adding a feature to a subset without it: mean over n such pairs of subsets.\n{WHISKERS}"
    figure.supxlabel(caption, fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def comparison(rows: list[dict[str, str]]) -> Figure:
    """Test results of experiments, with a panel for each data set, kind of target and threshold.

    rows  of comparison.csv; dots are the headline metric, whiskers its interval; lines mark the majority class and the
          noise ceiling
    """
    panels: dict[tuple, list[dict]] = {}
    for row in rows:
        panels.setdefault((row["dataset"], row["target"], row["threshold"]), []).append(row)
    heights = [len(panel) + 1.6 for panel in panels.values()]
    figure = Figure(figsize=(7, 0.8 + 0.34 * sum(heights)), layout="constrained")
    grid = figure.subplots(len(panels), 1, squeeze=False, gridspec_kw={"height_ratios": heights})
    marks: dict[str, None] = {}
    for axes, ((dataset, target, threshold), panel) in zip(grid[:, 0], panels.items(), strict=True):
        score = headline(target)
        values = [_number(row[score]) for row in panel]
        limits = [(_number(row[f"{score}_low"]), _number(row[f"{score}_high"])) for row in panel]
        dots(axes, [_name(row) for row in panel], values, limits)
        if majority := panel[0]["majority_class_accuracy"]:
            axes.axvline(float(majority), color=RED, linewidth=1.5, linestyle=":")
            marks["Dotted: the majority class of the training set."] = None
        ceilings = {row.get("ceiling", "") for row in panel}
        if len(ceilings) == 1 and (ceiling := ceilings.pop()):
            axes.axvline(float(ceiling), color=GREY, linewidth=1.5, linestyle="--")
            marks["Dashed: the noise ceiling."] = None
        task = f"growth ratio > {threshold}" if threshold else target.replace("-", " ")
        axes.set_title(f"{dataset}, {task}: test {METRICS[score].label}", fontsize=9, loc="left")
    caption = " ".join([WHISKERS, "n: test predictions.", *marks])
    figure.supxlabel(caption, fontsize=7, color=GREY)
    return figure


def chosen_trial(trials: Sequence[dict], chosen: Mapping[str, str], select: str, ratio: float, title: str) -> Figure:
    """Why a trial was chosen: the best mean validation scores of a threshold's trials, and how many folds chose each.

    trials  entries of trials.json, of one threshold
    chosen  {fold: trial}
    ratio   of validation groups to training groups
    """
    ranking = ranked(trials, select)
    shown = ranking[:MAX_TRIALS] + [trial for trial in ranking[MAX_TRIALS:] if trial["trial"] in chosen.values()]
    counts = Counter(chosen.values())
    names = [f"{trial['trial']} ({counts[trial['trial']]}/{len(chosen)})" for trial in shown]
    values = [math.nan if (value := trial["validation"][select]) is None else value for trial in shown]
    limits = [interval(trial, select, ratio) or (math.nan, math.nan) for trial in shown]
    figure = Figure(figsize=(7, 1.3 + 0.3 * len(shown)), layout="constrained")
    axes = figure.subplots()
    dots(axes, names, values, limits, [BLUE if counts[trial["trial"]] else GREY for trial in shown])
    of_folds = f", mean over {len(chosen)} folds" if len(chosen) > 1 else ""
    axes.set_xlabel(f"validation {METRICS[select].label}{of_folds}")
    whiskers = f"{WHISKERS} " if len(chosen) > 1 else ""
    caption = f"{whiskers}Blue: chosen, in brackets by how many folds. Shown: {len(shown)} of {len(trials)} trials."
    figure.supxlabel(caption, fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def study(folds: Sequence[Mapping[int, float | None]], count: int, select: str, title: str) -> Figure:
    """The best validation score so far against the number of trials: each fold's, and the mean of all.

    folds  {number of the trial: its score by the metric `select`}, without trials that ended early
    count  of each fold's trials
    """
    best = np.full((len(folds), count), np.nan)
    figure = Figure(figsize=(5, 3.4), layout="constrained")
    axes = figure.subplots()
    for i, scores in enumerate(folds):
        found = {number: score for number, score in sorted(scores.items()) if score is not None}
        axes.plot([number + 1 for number in found], list(found.values()), ".", color=GREY, markersize=3)
        for number in range(count):
            so_far = [score for other, score in found.items() if other <= number]
            best[i, number] = max(so_far, key=lambda score: selection_score(select, score), default=math.nan)
    numbers = np.arange(1, count + 1)
    if len(folds) > 1:
        axes.plot(numbers, best.T, color=BLUE, linewidth=0.6, alpha=0.4, drawstyle="steps-post")
    axes.plot(numbers, best.mean(axis=0), color=BLUE, linewidth=2, drawstyle="steps-post")
    axes.set(xlabel="trial", ylabel=f"validation {METRICS[select].label}")
    low, high = np.nanmin(best), np.nanmax(best)
    margin = 0.5 * (high - low) or 0.1 * abs(high) or 1
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.set_ylim(low - margin, high + margin)  # where the choice is made; poor trials lie far off
    ended = count * len(folds) - sum(map(len, folds))
    line = "Thick: the best so far, mean over n folds; thin: of each." if len(folds) > 1 else "Line: the best so far."
    caption = f"{line} Dots: trials.\nn: {len(folds)} folds of {count} trials each; {ended} trials ended early."
    figure.supxlabel(caption, fontsize=7, color=GREY)
    titled(figure, title)
    return figure


def _name(row: Mapping[str, str]) -> str:
    """An experiment with the network of its features and its number of test predictions."""
    network = f" ({row['network']})" if row["network"] else ""
    return f"{row['experiment']}{network}, n = {row['test_predictions']}"


def _number(text: str) -> float:
    return float(text or "nan")
