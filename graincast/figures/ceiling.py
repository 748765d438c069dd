"""A figure of the noise ceiling of a data set."""

import math

from matplotlib.figure import Figure

from graincast.figures.style import BLUE, GREY, WHISKERS, dots, titled

OF = {"single_run": "one growth run", "repeats": "the majority of {runs} runs"}
COLOURS = {"single_run": BLUE, "repeats": GREY}
METRICS = {"accuracy": "accuracy", "auc": "AUC", "brier": "Brier score"}


def ceiling(found: dict) -> Figure:
    """The best that any model can reach at each threshold, for one growth run and for several.

    found  the content of ceiling.json
    """
    thresholds = found.get("thresholds", {})
    rows = [(threshold, of) for threshold in thresholds for of in OF]
    figure = Figure(figsize=(10, 1.5 + 0.3 * max(1, len(rows))), layout="constrained")
    if not rows:
        reason = found.get("why_none", "no experiment has a threshold")
        figure.text(0.5, 0.5, f"{found['dataset']}: no noise ceiling: {reason}", ha="center", va="center")
        return figure
    names = [f"> {threshold}: {OF[of].format(runs=found['runs'])}" for threshold, of in rows]
    for axes, (metric, label) in zip(figure.subplots(1, len(METRICS)), METRICS.items(), strict=True):
        values = [thresholds[threshold][of][metric] for threshold, of in rows]
        limits = [tuple(one["interval"] or (math.nan, math.nan)) for one in values]
        shown = names if metric == "accuracy" else [""] * len(names)
        dots(axes, shown, [one["value"] for one in values], limits, [COLOURS[of] for _, of in rows])
        axes.set_xlabel(f"best possible {label}")
    figure.supxlabel(f"{WHISKERS} n: {found['states']} states.", fontsize=7, color=GREY)
    titled(figure, f"{found['dataset']}: the best that any model can reach, growth ratio above a threshold")
    return figure
