"""From the studies of two folds to tables, figures, a model card and MLflow runs: trials that ended early included."""

import argparse
import itertools
import json
from pathlib import Path

import pytest

from graincast.experiment import splits
from graincast.experiment.grid import study_trial_name, study_trial_number
from graincast.experiment.record import read_record
from graincast.experiment.trained import read_members
from graincast.features import table
from graincast.figures.of_experiment import figures, stored
from graincast.files import csv_table
from scripts import evaluate, measure, members, model_card, study
from tests.recipes import recipe
from tests.tables import feature_table
from tests.tracked import experiment_of, run_track, runs_of, settings_of

TRIALS, ITERATIONS = 9, 60
FOLDS = ("r1f1", "r1f2")
PARAMETERS = {
    "model": "sgc",
    "target": {"kind": "abnormal", "grains": "candidate", "aggregate": "mean"},
    "grid": {
        "threshold": [10],
        "propagation_steps": [1, 2],
        "learning_rate": {"from": 1e-4, "to": 1, "log": True},
        "weight_decay": [0],
        "seed": [0],
    },
    "training": {"iterations": ITERATIONS, "evaluate_every": 10},
    "search": {"trials": TRIALS, "prune": True, "seed": 0},
    "select": "nll",
}


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("search")
    data = feature_table(60)
    features, split = root / "results/datasets/made/features/three.h5", root / "split.csv"
    table.write(features, data)
    splits.write(split, data.name, splits.k_fold(data.name, 2, 1, 0.3, 0))
    common = {"features": features, "split": split, "also": [], "extensions": []}
    for fold in FOLDS:
        job = job_of(root, fold)
        parameters = recipe(root / f"recipes/{fold}.json", **PARAMETERS, fold=fold)
        options = {"name": f"one/t10_{fold}", "threads": 1, "device": "cpu", "out": job}
        study.main(argparse.Namespace(recipe=parameters, **common, **options))
        trained = {"trained": job / "trained.json", "validation": job / "validation.h5"}
        measure.main(argparse.Namespace(recipe=None, **trained, out=job / "trials.json"))
    parameters = recipe(root / "recipes/evaluate.json", model="sgc", select="nll", raw=None)
    options = {"members": None, "out": experiment_of(root), "trials": [job_of(root, fold) for fold in FOLDS]}
    evaluate.main(argparse.Namespace(recipe=parameters, **common, **options))
    return root


def job_of(root: Path, fold: str) -> Path:
    return experiment_of(root) / "trials" / f"t10_{fold}"


@pytest.fixture(scope="module")
def rows(root) -> list[dict[str, str]]:
    header, lines = csv_table.read(experiment_of(root) / "trials.csv")
    return [dict(zip(header, line, strict=True)) for line in lines]


@pytest.fixture(scope="module")
def result(root) -> dict:
    return json.loads((experiment_of(root) / "test_metrics.json").read_text())


def test_names_say_job_and_number():
    assert study_trial_name("t10_r1f2", 7) == "t10_r1f2_007" and study_trial_number("t10_r1f2_007") == 7


def test_each_fold_chooses_the_best_of_its_own_trials(rows, result):
    outcome = result["thresholds"]["10"]
    assert result["search"] == PARAMETERS["search"] and list(outcome["test_by_fold"]) == list(FOLDS)
    for fold, chosen in outcome["chosen_by_fold"].items():
        own = [row for row in rows if row["fold"] == fold and not row["pruned"]]
        best = min(own, key=lambda row: float(row["validation_nll"]))
        assert best["trial"] == chosen and (best["rank"], best["chosen"]) == ("1", "1")
        assert sorted(int(row["rank"]) for row in own) == list(range(1, len(own) + 1))
    measured = [min(float(r["validation_nll"]) for r in rows if r["fold"] == f and not r["pruned"]) for f in FOLDS]
    assert outcome["validation"] == pytest.approx(sum(measured) / 2, rel=1e-5)


def test_trials_that_ended_early_are_listed_without_metrics(rows):
    assert [row["trial"] for row in rows] == [f"t10_{fold}_{number:03d}" for fold in FOLDS for number in range(TRIALS)]
    pruned = [row for row in rows if row["pruned"]]
    assert pruned
    for row in pruned:
        assert 0 < int(row["pruned"]) < ITERATIONS and row["chosen"] == "0" and row["learning_rate"]
        assert {row[key] for key in row if key.startswith(("validation", "rank", "behind"))} == {""}


def test_a_figure_shows_what_more_trials_brought(root, rows):
    experiment = experiment_of(root)
    folders = [job_of(root, fold) for fold in FOLDS]
    drawn = {
        one.name: one
        for one in figures(stored(experiment / "test_metrics.json", folders, experiment / "predictions.csv"))
    }
    assert "search_t10" in drawn and "training_curves_t10" in drawn
    assert not [name for name in drawn if name.startswith("chosen_trial") or "_against_" in name]
    pruned = sum(row["pruned"] != "" for row in rows)
    assert f"in each of 2 folds; {pruned} trials ended early" in drawn["search_t10"].words
    lines = drawn["search_t10"].figure.axes[0].lines
    best = lines[-1].get_ydata()
    assert len(best) == TRIALS and all(later <= earlier for earlier, later in itertools.pairwise(best))


def test_the_card_tells_of_the_search(root, rows):
    experiment = experiment_of(root)
    files = {name: experiment / file for name, file in (("model", "model.h5"), ("metrics", "test_metrics.json"))}
    options = {
        "trials": experiment / "trials.csv",
        "ceiling": None,
        "extensions": [],
        "out": experiment / "MODEL_CARD.md",
    }
    model_card.main(argparse.Namespace(recipe=None, **files, **options))
    text = (experiment / "MODEL_CARD.md").read_text()
    pruned = sum(row["pruned"] != "" for row in rows)
    assert f"with {TRIALS} trials of its own; {pruned} of all ended early." in text and "Most often" not in text


def test_each_trial_is_a_run_and_the_card_goes_with_the_champion(root, rows):
    settings = settings_of(root)
    assert run_track("store", settings) == 0
    for fold in FOLDS:
        assert run_track("trials", settings, job_of(root, fold)) == 0
    (experiment_of(root) / "MODEL_CARD.md").write_text("# one: model card\n")
    assert run_track("experiment", settings, experiment_of(root)) == 0
    client, (parent,), children = runs_of(root)
    assert set(children) == {row["trial"] for row in rows}
    for row in rows:
        run = children[row["trial"]]
        assert run.info.status == "FINISHED" and run.data.tags["graincast.fold"] == row["fold"]
        assert run.data.tags.get("graincast.pruned", "") == row["pruned"]
        assert float(run.data.params["learning_rate"]) == float(row["learning_rate"])
        assert ("best_validation_nll" in run.data.metrics) == (not row["pruned"])
        steps = [point.step for point in client.get_metric_history(run.info.run_id, "validation_loss")]
        assert max(steps) == int(row["pruned"] or ITERATIONS)
    logged = {one.path for one in client.list_artifacts(parent.info.run_id)}
    assert "MODEL_CARD.md" in logged
    version = client.get_model_version_by_alias("graincast/one-t10".replace("/", "."), "champion")
    models = client.search_logged_models([parent.info.experiment_id])
    assert [one.model_id for one in models] == [version.source.removeprefix("models:/")]
    assert "artifacts/MODEL_CARD.md" in {
        one.path for one in client.list_logged_model_artifacts(models[0].model_id, "artifacts")
    }


def test_an_ensemble_has_further_seeds_of_what_each_fold_chose(root, result):
    parameters = recipe(root / "recipes/members.json", model="sgc", select="nll", ensemble=3)
    files = {"features": root / "results/datasets/made/features/three.h5", "split": root / "split.csv"}
    options = {"also": [], "extensions": [], "threads": 1, "device": "cpu", "out": root / "members"}
    folders = [job_of(root, fold) for fold in FOLDS]
    members.main(argparse.Namespace(recipe=parameters, trials=folders, **files, **options))
    found = {
        fold: (trial, list(seeds))
        for trial, by_fold in read_members(root / "members/members.h5").items()
        for fold, seeds in by_fold.items()
    }
    chosen = result["thresholds"]["10"]["chosen_by_fold"]
    assert found == {fold: (trial, ["1", "2"]) for fold, trial in chosen.items()}


def test_the_record_is_that_of_a_fold(root):
    record = read_record(job_of(root, "r1f2"))
    assert record["folds"] == ["r1f2"] and {tuple(one["by_fold"]) for one in record["trials"]} == {("r1f2",)}
