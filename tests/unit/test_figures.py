"""Figures: nothing is cut off, and what they show is possible and labelled."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.container import ErrorbarContainer
from matplotlib.lines import Line2D

from graincast.encoders.patches import KINDS
from graincast.evaluation import operating_curves
from graincast.evaluation.test_data import Predictions
from graincast.figures import dataset, encoder, experiment
from graincast.figures.microstructure import figure as draw_microstructure
from graincast.figures.operating_curves import operating_curves as draw_operating_curves
from graincast.figures.reliability import reliability, wilson
from tests.tables import microstructure

LONG = "does-the-area-of-red-grains-matter-on-published-graphs/and_a_folder_without_any_hyphen_in_its_whole_name"
COUNTS = np.array([[9, 1], [2, 8]])
COLUMNS = ["train_loss", "validation_loss", "train_accuracy", "validation_accuracy"]
RATIOS = np.linspace(0, 20, 30)
NAMES = np.array([f"m{i}" for i in range(30)], object)
TESTED = Predictions(NAMES, NAMES, NAMES, np.full(30, "all"), (RATIOS > 8).astype(float), np.sin(RATIOS) ** 2)


def curves(folds: int) -> np.ndarray:
    """Curves [folds, 10, 4] of which a few folds lie far off."""
    values = np.empty((folds, 10, 4))
    values[:] = [0.01, 0.02, 1.0, 0.99]
    values[: folds // 5] = [3.0, 4.0, 0.1, 0.2]
    return values


def trials(folds: int) -> list[dict]:
    return [
        {
            "trial": f"k{propagation_steps}_{nll}",
            "params": {"propagation_steps": propagation_steps, "threshold": 8},
            "validation": {"nll": nll},
            "by_fold": {
                str(i): {"accuracy": (propagation_steps + 5 * nll + i) / 100, "nll": nll + i / 50} for i in range(folds)
            },
        }
        for propagation_steps in (1, 2)
        for nll in (0.5, 0.3)
    ]


@pytest.mark.parametrize(
    "figure",
    [
        experiment.training_curves(np.arange(10), curves(5), COLUMNS, np.arange(5), LONG),
        experiment.confusion_matrix(COUNTS, ["normal", "abnormal"], LONG),
        experiment.score_against(trials(3), "propagation_steps", "accuracy", "nll", 0.25, LONG),
        experiment.chosen_trial(trials(3), {"0": "k2_0.3"}, "nll", 0.25, LONG),
        experiment.predicted_against_true(RATIOS, RATIOS[::-1], LONG),
        experiment.importance(
            ["area", "minor_axis_length"], RATIOS[:2], RATIOS[:2], np.array([4, 1]), "accuracy", LONG
        ),
        draw_microstructure(microstructure("a", 1), LONG),
        dataset.growth_ratios(RATIOS, [8, 10], LONG),
        dataset.grain_sizes({1: RATIOS, 2: RATIOS[:9]}, LONG),
        dataset.trajectories([(np.array([0, 4e6]), np.array([1, ratio])) for ratio in (2, 12)], 10, LONG),
        dataset.gallery(
            [(kind, [(microstructure("a", 1), "a\n12")] * 3) for kind in ("normal", "abnormal")], LONG, True
        ),
        draw_operating_curves(operating_curves.curves(TESTED), False, LONG),
    ],
    ids=[
        "training curves",
        "confusion matrix",
        "score against propagation_steps",
        "chosen trial",
        "predicted",
        "importance",
        "microstructure",
        "growth ratios",
        "grain sizes",
        "trajectories",
        "gallery",
        "operating curves",
    ],
)
def test_a_long_title_lies_within_the_figure(figure):
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    labels = [axes.xaxis.label for axes in figure.axes if axes.axison]
    assert figure._suptitle or labels
    for text in filter(None, [figure._suptitle, figure._supxlabel, *labels]):
        box = text.get_window_extent(canvas.get_renderer())
        assert box.x0 >= 0 and box.x1 <= figure.bbox.width
        assert box.y0 >= 0 and box.y1 <= figure.bbox.height


def test_the_band_of_training_curves_lies_within_their_values():
    figure = experiment.training_curves(np.arange(10), curves(20), COLUMNS, np.arange(20), "x")
    for axes, largest in zip(figure.axes, (4.0, 1.0), strict=True):
        bands = np.concatenate([band.get_paths()[0].vertices[:, 1] for band in axes.collections])
        assert bands.min() >= 0 and bands.max() <= largest
    (legend,) = figure.legends
    assert "10% to 90% of 20 folds" in [text.get_text() for text in legend.get_texts()]


def test_curves_end_where_training_ended():
    short = curves(2)
    short[0, 4:], short[1, 7:] = np.nan, np.nan
    figure = experiment.training_curves(np.arange(10), short, COLUMNS, np.arange(2), "x")
    for line in figure.axes[0].lines[:2]:
        assert line.get_xdata().max() == 6 and np.isfinite(line.get_ydata()).all()


def test_a_score_is_of_the_best_trial_whether_smaller_or_larger_is_better():
    records = trials(1)
    for trial in records:
        trial["validation"]["r2"] = -trial["validation"]["nll"]
    lines = [
        experiment.score_against(records, "propagation_steps", "accuracy", select, 0.25, "x")
        .axes[0]
        .lines[0]
        .get_ydata()
        for select in ("nll", "r2")
    ]
    np.testing.assert_array_equal(*lines)


@pytest.mark.parametrize("count", [20, 4000])
def test_no_axis_shows_a_negative_growth_ratio(count):
    true = np.linspace(0.5, 12, count)
    predicted = np.where(np.arange(count) < 3, -2.0, true)
    figure = experiment.predicted_against_true(true, predicted, "x")
    axes = figure.axes[0]
    assert axes.get_xlim()[0] == axes.get_ylim()[0] == 0
    assert figure._supxlabel.get_text() == "3 predictions below 0 are drawn at 0."
    assert experiment.predicted_against_true(true, true, "x")._supxlabel is None


def test_one_fold_has_no_band():
    figure = experiment.training_curves(np.arange(10), curves(1), COLUMNS, np.arange(1), "x")
    assert not any(axes.collections for axes in figure.axes)
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["training", "validation", "checkpoint kept"]


@pytest.mark.parametrize("folds", [1, 4])
def test_a_score_is_of_the_trial_with_least_loss_and_has_whiskers_for_several_folds_only(folds):
    figure = experiment.score_against(trials(folds), "propagation_steps", "accuracy", "nll", 0.25, "x")
    (axes,) = figure.axes
    (accuracy,) = [line.get_ydata(orig=False) for line in axes.lines if line.get_marker() == "o"]
    expected = [(propagation_steps + 1.5 + np.arange(folds)).mean() / 100 for propagation_steps in (1, 2)]
    np.testing.assert_allclose(accuracy, expected)
    assert bool(axes.containers) == (folds > 1)
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["growth ratio > 8"]
    assert ("95 % intervals. n: 4 folds" in figure._supxlabel.get_text()) == (folds > 1)
    assert "trial with the lowest validation loss" in figure._supxlabel.get_text()


def test_every_dot_lies_between_its_whiskers_and_the_first_is_on_top():
    rows = [
        {
            "dataset": "d",
            "target": "abnormal",
            "threshold": "10",
            "experiment": name,
            "network": "",
            "accuracy": str(value),
            "accuracy_low": str(value - 0.1),
            "accuracy_high": str(value + 0.05),
            "majority_class_accuracy": "0.5",
            "test_predictions": "77",
        }
        for name, value in (("best", 0.8), ("next", 0.7))
    ]
    (axes,) = experiment.comparison(
        [*rows, rows[0] | {"experiment": "sure", "accuracy_low": "", "accuracy_high": ""}]
    ).axes
    assert not axes.patches  # no bars
    drawn = [line.get_xydata() for line in axes.lines[:6]]
    for whiskers, dot in zip(drawn[:4:2], drawn[1:4:2], strict=True):
        assert whiskers[0, 0] < dot[0, 0] < whiskers[1, 0] and len({*whiskers[:, 1], dot[0, 1]}) == 1
    assert np.isnan(drawn[4][:, 0]).all()  # no interval, no whiskers
    heights = dict(zip([text.get_text() for text in axes.get_yticklabels()], axes.get_yticks(), strict=True))
    assert heights == {"best, n = 77": 2, "next, n = 77": 1, "sure, n = 77": 0}


def test_the_frequency_of_each_bin_lies_within_its_whiskers():
    rng = np.random.default_rng(0)
    probability = rng.random(300)
    true = rng.random(300) < probability
    (axes,) = reliability(true, {"as predicted": probability, "calibrated": probability**2}, 1, "x").axes
    dots = [line for line in axes.lines if line.get_marker() != "None"]
    whiskers = [line for line in axes.lines[1:] if line.get_marker() == "None"]
    assert len(dots) == len(whiskers) == 20
    for dot, whisker in zip(dots, whiskers, strict=True):
        (low, high), (frequency,) = whisker.get_ydata(), dot.get_ydata()
        assert low - 1e-12 <= frequency <= high + 1e-12 and dot.get_xdata()[0] == whisker.get_xdata()[0]
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["as predicted", "calibrated"]


def test_repeated_tests_of_the_same_data_do_not_narrow_an_interval():
    assert np.diff(wilson(0.3, 100 / 2)) > np.diff(wilson(0.3, 100))
    assert wilson(0.3, 100) == pytest.approx((0.2189489, 0.3958485), abs=1e-6)  # scipy.stats.binomtest(30, 100)


def test_the_trials_that_folds_chose_are_always_shown():
    records = [
        {
            "trial": f"t{i}",
            "validation": {"nll": i},
            "by_fold": {fold: {"nll": i + 0.1 * (fold == "b")} for fold in "ab"},
        }
        for i in range(40)
    ]
    (axes,) = experiment.chosen_trial(records, {"a": "t30", "b": "t0"}, "nll", 0.25, "x").axes
    names = [text.get_text() for text in axes.get_yticklabels()]
    assert names[0] == "t0 (1/2)" and names[-1] == "t30 (1/2)"
    assert len(names) == experiment.MAX_TRIALS + 1


@pytest.mark.parametrize("periodic", [(True, True), (False, True)])
def test_a_gallery_shows_every_grain(periodic):
    one = replace(microstructure("a", 1), periodic=periodic)
    small = replace(one, labels=np.pad(one.labels, ((30, 40), (50, 10))))  # a subgraph in a large map
    for shown in (one, small):
        axes = dataset.gallery([("", [(shown, "a")])], "").axes[0]
        (image,) = axes.images
        coloured = (image.get_array() != 255).any(axis=2)
        (rows, columns), (left, right), (bottom, top) = np.nonzero(coloured), axes.get_xlim(), axes.get_ylim()
        assert left <= columns.min() - 0.5 and columns.max() + 0.5 <= right
        assert top <= rows.min() - 0.5 and rows.max() + 0.5 <= bottom
        assert right - left <= 2.2 * (np.ptp(columns) + 1)


def several_thresholds() -> list[dict]:
    return [
        {**one, "params": {**one["params"], "threshold": threshold}} for threshold in (6, 8, 10) for one in trials(1)
    ]


@pytest.mark.parametrize(
    "figure",
    [
        experiment.training_curves(np.arange(10), curves(5), COLUMNS, np.arange(5), ""),
        experiment.score_against(several_thresholds(), "propagation_steps", "accuracy", "nll", 0.25, ""),
        reliability(RATIOS > 8, {"as predicted": TESTED.predicted, "calibrated": TESTED.predicted**2}, 1, ""),
        encoder.error_against_components(
            dict.fromkeys(KINDS, np.array([[0, 1, 1], [1, 0.5, 0.6], [2, 0.3, 0.4]])),
            dict.fromkeys(KINDS, np.array([[0, 1, 1], [1, 0.5, 0.6]])),
            "",
        ),
    ],
    ids=["training curves", "score against propagation_steps", "reliability", "encoder"],
)
def test_series_are_told_apart_without_colour(figure):
    handles, _ = figure.axes[0].get_legend_handles_labels()
    lines = [one[0] if isinstance(one, ErrorbarContainer) else one for one in handles]
    looks = [(one.get_linestyle(), one.get_marker()) for one in lines if isinstance(one, Line2D)]
    assert len(set(looks)) == len(looks) > 1
