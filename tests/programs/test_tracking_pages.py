"""MLflow's own pages of an experiment, at the addresses that `make ui` prints, in a real browser."""

import argparse

import pytest
from mlflow import MlflowClient

from graincast.tracking import views
from scripts import track
from tests import browser
from tests.tracked import copied, log_execution, settings_of
from tests.tracked_server import free_port
from tools import chromium

GENAI = ("Prompts", "Token", "Judges", "Playground", "Evaluation runs")
RUNS = "document.body && /[1-9][0-9]* matching run/.test(document.body.innerText)"


@pytest.fixture(scope="module")
def pages(original_results, tmp_path_factory, server) -> dict[str, str]:
    """The addresses of the pages of an experiment that is logged to a server."""
    program = browser.program()
    assert program
    root = copied(original_results, tmp_path_factory.mktemp("pages") / "root")
    settings = settings_of(root, store=server, experiment_prefix="pages/")
    log_execution(root, settings)
    ((name, addresses),) = views.addresses(MlflowClient(server), "pages/", server)
    assert name == "pages/one"
    return addresses


def test_the_pages_are_of_machine_learning_and_the_champion_is_two_clicks_away(pages):
    with chromium.started(browser.program()) as tab:
        tab.open(pages["executions"])
        tab.wait_for(RUNS)
        tab.wait_for("document.body.innerText.includes('test_auc_t8')")
        text = tab.text()
        assert "A made-up experiment" in text
        assert [word for word in GENAI if word in text] == []
        assert "t8_k1" not in tab.evaluate("document.querySelector('[role=grid], .ag-root').innerText")  # folded
        tab.click("a[href*='/runs/']")
        tab.wait_for("document.body.innerText.includes('graincast.registered_t8')")
        assert "test_accuracy_t8" in tab.text()
        tab.click("a[href*='/models/pages.one-t8/versions']")
        tab.wait_for("location.href.includes('/models/pages.one-t8/versions/1')")
        tab.wait_for("document.body.innerText.includes('champion')")


def test_trials_are_ranked_by_the_metric_that_chooses_and_charts_need_no_set_up(pages):
    with chromium.started(browser.program()) as tab:
        tab.open(pages["trials"], width=1800)
        tab.wait_for(RUNS)
        assert "Sort: best_validation_nll" in tab.text()
        tab.wait_for("[...document.querySelectorAll(\"a[href*='/runs/']\")].length == 2")
        tab.open(pages["charts"])
        tab.wait_for("document.querySelector('.js-plotly-plot') !== null")
        assert "Model metrics" in tab.text()


def test_the_addresses_are_printed_by_experiment(original_results, tmp_path, capsys):
    root = copied(original_results, tmp_path / "root")
    log_execution(root)
    capsys.readouterr()
    port = free_port()
    track.main(argparse.Namespace(what="store", existing=True, port=port, tracking=settings_of(root)))
    name, *lines = capsys.readouterr().out.splitlines()
    assert name == "graincast/one"
    assert [line.split()[0] for line in lines] == ["executions", "trials", "charts"]
    assert all(line.split()[1].startswith(f"http://127.0.0.1:{port}/#/experiments/1/runs?") for line in lines)
