"""The report of a finished run: what it holds, that it needs nothing else, and how a real browser takes it."""

import re
import shutil
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests import browser
from tests.workflow import checkout, small

CONFIG = ("--configfile", "config/small.yaml", "--rerun-triggers", "mtime", "input")
SECTIONS = [
    "summary",
    "reading",
    "leaderboard",
    "data",
    "experiments",
    "examples",
    "relied-on",
    "costs",
    "methods",
    "origin",
]
REPORT = "results/report.html"
CAPTIONS = checkout.PROJECT / "rules/captions"


class Elements(HTMLParser):
    """The elements of a page, each with its attributes."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict]] = []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.found.append((tag, dict(attributes)))

    def values(self, key: str, *tags: str) -> list[str]:
        return [about[key] for tag, about in self.found if key in about and (not tags or tag in tags)]


@pytest.fixture(scope="module")
def made(finished, tmp_path_factory) -> Path:
    """The report of the finished small run, which the program makes by hand."""
    out = tmp_path_factory.mktemp("report") / "report.html"
    ran = checkout.program(finished, "report", "--out", str(out))
    assert ran.returncode == 0, ran.stdout
    return out


@pytest.fixture(scope="module")
def page(made) -> str:
    return made.read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def elements(page) -> Elements:
    return Elements(page)


def test_all_that_ran_is_in_the_report(page, elements):
    anchors = elements.values("id", "section")
    assert [one for one in anchors if one in SECTIONS] == SECTIONS
    assert {f"experiment-{name}" for name in small.EXPERIMENTS} <= set(anchors)
    assert {"data-made", "data-given", "data-images"} <= set(anchors)
    words = elements.values("aria-label", "svg") + elements.values("alt", "img")
    for beginning in (
        "Test accuracy on made", "Distribution of", "Area over initial area", "Initial states of", "Loss and a second",
        "Confusion matrix of made", "Frequency of abnormal growth", "ROC and precision-recall curves of made",
        "Validation accuracy of made against 2 values of propagation steps",
    ):  # fmt: skip
        assert [one for one in words if one.startswith(beginning)], beginning
    for text in ("24 initial states of 40 by 40 sites", "DeCost &amp; Holm 2017", "Wu et al. 2019", "Platt 1999"):
        assert text in page, text
    assert "propagation_steps:" in page, "no configuration"
    assert re.search(r"<th scope=\"row\">train</th>", page), "no time and memory of a rule"


def test_every_picture_has_words_and_every_link_a_target(elements):
    pictures = [about for tag, about in elements.found if tag in ("svg", "img")]
    assert len(pictures) > 20
    assert all(about.get("aria-label") or about.get("alt") for about in pictures)
    ids = elements.values("id")
    assert len(ids) == len(set(ids))
    inside = [link[1:] for key in ("href", "xlink:href") for link in elements.values(key) if link.startswith("#")]
    assert len(inside) > 50 and set(inside) <= set(ids)


def test_nothing_is_loaded_from_elsewhere(page, elements):
    assert not [tag for tag, _ in elements.found if tag in ("script", "iframe", "object", "embed")]
    loaded = elements.values("src") + elements.values("href", "link", "image", "use") + elements.values("xlink:href")
    assert loaded and all(one.startswith(("data:", "#")) for one in loaded)
    links = {link for link in elements.values("href", "a") if not link.startswith("#")}
    assert links and all(link.startswith("https://arxiv.org/") for link in links)
    assert not re.search(r"@import|url\((?!#)", page)


def test_copied_results_give_the_same_report(finished, made, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "copied")
    ran = checkout.python(finished, "-m", "graincast", "report", "--results", str(tmp_path / "copied"))
    assert ran.returncode == 0, ran.stderr
    written = tmp_path / "copied/report.html"
    assert ran.stdout == f"{written}\n"
    assert written.read_bytes() == made.read_bytes()


def test_results_without_graphs_and_curves_say_what_is_missing(finished, tmp_path):
    shutil.copytree(finished / "results", tmp_path / "part", ignore=shutil.ignore_patterns("*.h5", "benchmarks"))
    ran = checkout.python(finished, "-m", "graincast", "report", "--results", str(tmp_path / "part"))
    assert ran.returncode == 0, ran.stderr
    page = (tmp_path / "part/report.html").read_text(encoding="utf-8")
    for missing in (
        "No figures: experiments/made/trials/all/history.h5 is not in these results.",
        "the grain graphs (graphs/*.h5) are not in these results",
        "the folder benchmarks/ is not in these results",
    ):
        assert missing in page, missing


def test_without_results_there_is_one_line(finished, tmp_path):
    ran = checkout.python(finished, "-m", "graincast", "report", "--results", str(tmp_path))
    assert ran.returncode == 1
    (line,) = ran.stderr.splitlines()
    assert line.endswith(
        f"{tmp_path}/comparison.csv: missing, so no experiment has finished here; run the workflow first"
    )
    assert not list(tmp_path.iterdir())


def test_the_rule_makes_the_report_once(finished, tmp_path):
    folder = shutil.copytree(finished, tmp_path / "copy", symlinks=True)
    assert checkout.stale(folder, *CONFIG, "--", REPORT) == {"report"}
    ran = checkout.run(folder, *CONFIG, "--", REPORT)
    assert ran.returncode == 0, ran.stdout
    assert checkout.stale(folder, *CONFIG, "--", REPORT) == set()
    assert checkout.stale(folder, *CONFIG) == set()
    style = folder / "graincast/report/templates/page.css"
    style.write_text(style.read_text() + "p { margin: 1rem; }\n")
    assert checkout.stale(folder, *CONFIG, "--", REPORT) == {"report"}
    assert checkout.stale(folder, *CONFIG) == set()


def test_snakemakes_own_report_has_captions_and_makes_nothing_stale(finished, tmp_path):
    folder, page = shutil.copytree(finished, tmp_path / "copy", symlinks=True), tmp_path / "own.html"
    ran = checkout.run(folder, *CONFIG, "--report", str(page), "--", "all")
    assert ran.returncode == 0, ran.stdout
    text = page.read_text(encoding="utf-8")
    captions = {path.stem: path.read_text().split("{{")[0].splitlines()[0] for path in CAPTIONS.glob("*.rst")}
    assert {name for name, start in captions.items() if start not in text} == {"report"}  # which is not made here
    assert "training_curves" in text and "tiny: error_against_components" in text
    assert checkout.stale(folder, *CONFIG) == set()


# ---- A real browser


def test_a_browser_finds_no_fault_and_asks_for_nothing(made, tmp_path):
    seen = browser.visit(made, tmp_path / "profile")
    assert seen.console == []
    assert seen.requests == set()
    assert Elements(seen.page).values("id", "section")[-1].startswith("configuration-")


def test_faults_and_requests_would_be_seen(tmp_path):
    page = tmp_path / "faulty.html"
    page.write_text('<img src="http://elsewhere.invalid/a.png"><script>console.error("a fault")</script>')
    seen = browser.visit(page, tmp_path / "profile")
    assert any("a fault" in message for message in seen.console)
    assert seen.requests == {"http://elsewhere.invalid/a.png"}
