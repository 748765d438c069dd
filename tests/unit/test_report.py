"""Parts of the report: figures inside a page, its layout, names in words, and what is cited."""

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from matplotlib.figure import Figure

from graincast.experiment import declaration
from graincast.figures import experiment
from graincast.files import csv_table
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.report import costs, examples, images, microstructures, page, relied_on, words
from graincast.report.blocks import Code, Note, Picture, Reference, Section, Table, Text, chart, photograph
from graincast.report.references import REFERENCES, cited
from graincast.report.results import COLUMNS, Results
from tests.tables import microstructure

HOSTILE = "<script>alert('x')</script> & \"q\""


def matrix(title: str = "") -> Figure:
    return experiment.confusion_matrix(np.array([[9, 1], [2, 8]]), ["normal", "abnormal"], title)


def test_figures_in_one_page_share_no_id_and_each_finds_its_own():
    first, other = (ElementTree.fromstring(images.inline_svg(matrix(title), "words")) for title in ("one", "other"))
    ids = [{element.get("id") for element in root.iter() if element.get("id")} for root in (first, other)]
    assert ids[0] and ids[1] and not ids[0] & ids[1]
    for root, own in zip((first, other), ids, strict=True):
        text = ElementTree.tostring(root, encoding="unicode")
        referred = set(re.findall(r"url\(#([^)]+)\)", text)) | set(re.findall(r"href=\"#([^\"]+)\"", text))
        assert referred and referred <= own


def test_a_chart_takes_the_colours_of_its_page_and_leaves_the_page_its_style():
    root = ElementTree.fromstring(images.inline_svg(matrix(), "words"))
    text = ElementTree.tostring(root, encoding="unicode")
    assert "currentColor" in text and "#000000" not in text
    assert not [element for element in root.iter() if element.tag.endswith(("}style", "}metadata"))]


def test_equal_figures_give_equal_markup():
    assert images.inline_svg(matrix(), "words") == images.inline_svg(matrix(), "words")
    assert images.inline_png(matrix(), "words") == images.inline_png(matrix(), "words")


def test_text_from_results_is_never_markup():
    blocks = [
        Text(HOSTILE),
        Note(HOSTILE),
        Code(HOSTILE, HOSTILE),
        Reference(HOSTILE, ""),
        Table(HOSTILE, (HOSTILE,), [(HOSTILE,)]),
        chart(matrix(), HOSTILE, HOSTILE),
        photograph(matrix(), HOSTILE, HOSTILE),
    ]
    rendered = page.render([Section("a", HOSTILE, blocks, [Section("b", HOSTILE, blocks)])])
    assert "<script" not in rendered
    assert rendered.count("&lt;script&gt;alert(") > 2 * len(blocks)


def test_pictures_that_follow_each_other_stand_together():
    picture = Picture(images.inline_svg(matrix(), "words"), "")
    rendered = page.render([Section("a", "A", [picture, picture, Text("between"), picture])])
    assert rendered.count('<div class="pictures">') == 2
    assert rendered.count("<figure") == rendered.count("</figure>") == 3


def test_a_reference_is_listed_where_it_is_cited():
    assert [key for key, *_ in cited("as in (Wu et al. 2019, arXiv 1902.07153) and (Platt 1999)")] == [
        "Platt 1999",
        "Wu et al. 2019",
    ]
    assert cited("nothing") == []
    for key, (text, link) in REFERENCES.items():
        assert key.split()[-1] in text, f"{key}: another year"
        assert link.startswith("https://") or not link


@pytest.mark.parametrize("model", declaration.names())
def test_what_the_description_of_a_model_cites_is_known(model):
    described = declaration.read(model).description
    for citation in re.findall(r"\(([^()]*? \d{4})", described):
        assert any(citation.endswith(key) for key in REFERENCES), citation  # some name the method first


@pytest.mark.parametrize(("count", "wanted"), [(0, 3), (2, 3), (3, 3), (10, 3), (100, 40)])
def test_examples_are_spread_over_all(count, wanted):
    names = [f"m{i:03}" for i in range(count)]
    chosen = microstructures.spread(names, wanted)
    assert len(chosen) == len(set(chosen)) == min(count, wanted) and chosen == sorted(chosen)
    places = [names.index(name) for name in chosen]
    if count > wanted:
        steps = np.diff([-places[0] - 1, *places, 2 * count - places[-1] - 1])
        assert steps.max() - steps.min() <= 2


def test_rows_in_words():
    row = {"auc": "0.5", "auc_low": "0.4", "auc_high": "0.6", "r2": "", "test_predictions": "8", "test_groups": "1"}
    assert words.with_interval(row, "auc") == "0.500 (0.400 to 0.600)"
    assert words.with_interval(row, "r2") == "undefined"
    assert words.tested(row | {"folds": "2"}) == "8 in 1 group, 2 folds"
    assert words.tested(row | {"folds": "1", "test_groups": "8"}) == "8"
    assert [words.listed(list(names)) for names in ("", "a", "ab", "abc")] == ["", "a", "a and b", "a, b and c"]
    assert len(words.short("x" * 99)) <= 26 and words.short("x" * 26) == "x" * 26


def test_results_of_an_earlier_release_are_one_line(tmp_path):
    csv_table.write(tmp_path / "comparison.csv", ["experiment", "dataset"], [["sgc", "d"]])
    with pytest.raises(BadInput, match=r"comparison\.csv: lacks test_groups, as results of earlier releases do; run"):
        Results(tmp_path).rows  # noqa: B018
    csv_table.write(tmp_path / "comparison.csv", ["experiment", *COLUMNS], [["sgc", *COLUMNS]])
    (tmp_path / "experiments/sgc").mkdir(parents=True)
    (tmp_path / "experiments/sgc/test_metrics.json").write_text('{"experiment": "sgc"}')
    with pytest.raises(BadInput, match=r"test_metrics\.json: lacks target, as"):
        Results(tmp_path).experiments  # noqa: B018


def test_rejected_input_and_costs_are_read_from_what_is_there(tmp_path):
    results = Results(tmp_path)
    assert results.rejected("d") is None and results.benchmarks() == {}
    csv_table.write(tmp_path / "datasets/d/features/v.rejected.csv", ["file", "reason"], [["a", "b"], ["a", "b"]])
    assert results.rejected("d") == [("a", "b")]
    csv_table.write(tmp_path / "datasets/d/rejected.csv", ["file", "reason"], [["c", "d, e"]])
    assert results.rejected("d") == [("c", "d, e")]
    (tmp_path / "benchmarks/train/x").mkdir(parents=True)
    (tmp_path / "benchmarks/train/x/all.jsonl").write_text('{"s": 1}\n{"s": 2, "max_rss": "NA"}\n')
    (tmp_path / "benchmarks/compare.jsonl").write_text('{"s": ')
    assert results.benchmarks() == {"train": [{"s": 2, "max_rss": "NA"}]}
    (table,) = costs.section(results).blocks
    assert [row[:3] for row in table.rows] == [("train", "1", "2.0 s"), ("in all", "1", "2.0 s")]


def test_the_templates_are_sources_of_the_report():
    from graincast.planning.jobs import REPORT_TEMPLATES

    there = sorted(path.relative_to(Path(page.__file__).parents[2]).as_posix() for path in page.TEMPLATES.iterdir())
    assert sorted(REPORT_TEMPLATES) == there


def test_the_best_and_worst_predictions_are_explained_where_that_was_measured(tmp_path):
    header = ["experiment", "dataset", "target", "threshold", "split", *COLUMNS]
    csv_table.write(
        tmp_path / "comparison.csv", header, [["one", "made", "abnormal", "8", "folds", *[""] * len(COLUMNS)]]
    )
    made = [microstructure(f"m{seed}", seed) for seed in range(3)]
    shards.write(tmp_path / "datasets/made/graphs/0000.h5", made)
    columns = ("microstructure", "group", "grain", "threshold", "fold", "subset", "trial", "abnormal", "probability")
    tested = [(one.name, one.name, "", "8", "all", "test", "t", 1, 0.9 - 0.3 * i) for i, one in enumerate(made)]
    csv_table.write(tmp_path / "experiments/one/predictions.csv", columns, tested)
    results = Results(tmp_path)
    (part,) = examples.section(results).parts
    picture, note = part.blocks
    assert "m0 (abnormal; probability 0.90)" in picture.image and "graincast explain --model one" in note.text
    columns = ("threshold", "microstructure", "baseline", "output", "grain", "feature", "attribution")
    added = [("8", "m2", 0.5, 1.0, 1, "area", 0.8), ("8", "m2", 0.5, 1.0, 0, "type", -0.3)]
    added.append(("9", "m1", 0, 1, 0, "area", 1))  # of another threshold
    csv_table.write(tmp_path / "explanations/one/examples.csv", columns, added)
    (part,) = examples.section(results).parts
    _, text, drawn = part.blocks
    assert "logit of abnormal growth" in text.text
    assert "What drove the prediction for m2: abnormal; probability 0.30: most of all area." in drawn.image


def test_what_a_leader_relies_on_is_shown_where_it_was_measured(tmp_path):
    header = ["experiment", "dataset", "target", "threshold", "split", *COLUMNS]
    rows = [
        [name, "made", "abnormal", threshold, "folds", *[""] * len(COLUMNS)]
        for name, threshold in (("one", "8"), ("two", "10"))
    ]
    csv_table.write(tmp_path / "comparison.csv", header, rows)
    folder = tmp_path / "explanations" / "one"
    losses = [("area", "candidate", "auc", "0.2", "0.1", "0.3"), ("type", "other grains", "auc", "0.01", "", "")]
    csv_table.write(folder / "importance.csv", ("feature", "of", "metric", "loss", "low", "high"), losses)
    radii = [(0, "auc", "0.6", "0.5", "0.7"), ("all", "auc", "0.8", "0.7", "0.9")]
    csv_table.write(folder / "hop_radius.csv", ("hops", "metric", "value", "low", "high"), radii)
    measured, unmeasured = relied_on.section(Results(tmp_path)).parts
    assert (measured.title, unmeasured.title) == ("one", "two")
    assert "area (candidate) 0.200" in measured.blocks[0].image and "AUC 0.600 to 0.800" in measured.blocks[1].image
    (note,) = unmeasured.blocks
    assert "graincast explain --model two --out " in note.text
