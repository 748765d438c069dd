"""Tracking in a real SQLite store: the content of runs, and which runs exist after reruns and later executions."""

import json

import h5py
import pytest

from graincast.files import nested
from graincast.files.atomic import write_text
from graincast.prediction import trained_model
from scripts import track
from tests.tracked import (
    ABOUT,
    TRIALS,
    copied,
    experiment_of,
    job_of,
    log_execution,
    run_track,
    runs_of,
    settings_of,
)

ENVIRONMENT = {
    "GRAINCAST_COMMIT": "c0ffee",
    "GRAINCAST_DIRTY": "true",
    "GRAINCAST_EXECUTION": "first",
}


def retrain(model) -> None:
    """Change the weights in a trained model's file."""
    content, about = nested.read(model, trained_model.FORMAT)
    for fold in content["models"]["8"].values():
        fold["bias"] = fold["bias"] + 1
    nested.write(model, trained_model.FORMAT, content, about)


@pytest.fixture
def root(original_results, tmp_path):
    return copied(original_results, tmp_path / "root")


@pytest.fixture(scope="module")
def logged(original_results, tmp_path_factory):
    """A copy whose trials and experiment are logged to MLflow."""
    root = copied(original_results, tmp_path_factory.mktemp("logged") / "root")
    for folder in (job_of(root), experiment_of(root)):  # as if made in a container under SLURM
        cost = json.loads((folder / "cost.json").read_text())
        (folder / "cost.json").write_text(json.dumps({**cost, "image": "worker-1.sif", "slurm_job": "17"}))
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        log_execution(root)
    return root


def test_each_trial_is_a_run_with_its_tags_parameters_metrics_and_data(logged):
    record = json.loads((job_of(logged) / "trials.json").read_text())
    cost = json.loads((job_of(logged) / "cost.json").read_text())
    with h5py.File(job_of(logged) / "history.h5") as file:
        steps, curves = file["steps"][:], file["curves"][:].mean(axis=1)
    client, (parent,), children = runs_of(logged)
    assert set(children) == set(TRIALS)
    for i, trial in enumerate(record["trials"]):
        run = children[trial["trial"]]
        assert (run.info.run_name, run.info.status) == (trial["trial"], "FINISHED")
        tags = {
            "mlflow.parentRunId": parent.info.run_id,
            "mlflow.note.content": ABOUT["description"],
            "mlflow.source.git.commit": "c0ffee",
            "graincast.git_dirty": "true",
            "graincast.execution": "first",
            "graincast.image": "worker-1.sif",
            "graincast.slurm_job": "17",
            "graincast.rule": "train",
            "graincast.experiment": "one",
            "graincast.dataset": "made",
            "graincast.dataset_fingerprint": record["fingerprint"],
            "graincast.model": "sgc",
            "graincast.features": "three",
            "graincast.threshold": "8",
            "graincast.fold": "r1f1,r1f2",
            "graincast.seed": "0",
            "graincast.job": "all",
            "graincast.wall_time_s": str(cost["wall_s"]),
            "graincast.peak_memory_mb": str(cost["peak_memory_mb"]),
        }
        assert tags.items() <= run.data.tags.items()
        assert run.data.tags["graincast.host"]
        params = {"model": "sgc", "dataset": "made", "split": "split", "columns": "c0, c1, c2", "aggregate": "mean"}
        params |= {key: str(value) for key, value in {**trial["params"], **record["training"]}.items()}
        assert params.items() <= run.data.params.items()
        assert not any(mark in value for value in run.data.params.values() for mark in "[]{}'")
        for column, name in enumerate(record["curves"]):
            history = client.get_metric_history(run.info.run_id, name)
            assert {metric.step: metric.value for metric in history} == pytest.approx(
                dict(zip(steps.tolist(), curves[i, :, column], strict=True))
            )
        assert run.data.metrics["best_validation_nll"] == trial["validation"]["nll"]
        (dataset,) = run.inputs.dataset_inputs
        assert (dataset.dataset.name, dataset.dataset.digest) == ("made", record["fingerprint"])
        assert {(tag.key, tag.value) for tag in dataset.tags} == {("mlflow.data.context", "training")}
        assert run.outputs is None or not run.outputs.model_outputs  # its weights stay in the results


def test_the_parent_has_the_results_and_the_registered_champion(logged):
    client, (parent,), children = runs_of(logged)
    result = json.loads((experiment_of(logged) / "test_metrics.json").read_text())["thresholds"]["8"]
    metrics = {f"test_{name}_t8": value for name, value in result["test"].items() if value is not None}
    assert parent.data.metrics == pytest.approx(metrics)
    assert parent.info.status == "FINISHED"
    assert parent.data.tags["graincast.chosen_t8"] == result["chosen_trial"]
    chosen = {name: run.data.tags.get("graincast.chosen") for name, run in children.items()}
    assert chosen == {name: "8" if name == result["chosen_trial"] else None for name in TRIALS}
    of_trials = [run.data.params for run in children.values()]
    shared = {key: value for key, value in of_trials[0].items() if all(other[key] == value for other in of_trials)}
    assert shared.items() <= parent.data.params.items()
    assert {"model", "dataset", "features", "split", "iterations"} <= shared.keys()
    assert "propagation_steps" not in parent.data.params
    files = {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert {"test_metrics.json", "trials.csv", "predictions.csv", "figures"} <= files
    curves = client.list_artifacts(children[result["chosen_trial"]].info.run_id)
    assert "training_curves_t8.png" in {file.path for file in curves}
    champion = client.get_model_version_by_alias("graincast.one-t8", "champion")
    assert (str(champion.version), champion.run_id) == ("1", parent.info.run_id)


def test_an_experiment_has_a_kind_a_description_and_views(logged):
    client, (parent,), children = runs_of(logged)
    experiment = client.get_experiment(parent.info.experiment_id)
    assert experiment.tags["mlflow.note.content"] == ABOUT["description"]
    assert experiment.tags["mlflow.experimentKind"] == "custom_model_development"
    trials = json.loads(experiment.tags["mlflow.sharedViewState.trials"])
    order = f"{trials['orderByKey']} {'ASC' if trials['orderByAsc'] else 'DESC'}"
    ranked = client.search_runs([experiment.experiment_id], trials["searchFilter"], order_by=[order])
    assert {run.info.run_id for run in ranked} == {run.info.run_id for run in children.values()}
    assert ranked[0].data.tags["graincast.chosen"] == "8"
    present = {f"metrics.`{name}`" for name in ranked[0].data.metrics}
    present |= {f"params.`{name}`" for name in ranked[0].data.params}
    assert set(trials["selectedColumns"]) <= present | {"tags.`graincast.chosen`"}
    executions = json.loads(experiment.tags["mlflow.sharedViewState.executions"])
    present = {f"metrics.`{name}`" for name in parent.data.metrics}
    present |= {f"params.`{name}`" for name in parent.data.params} | {f"tags.`{name}`" for name in parent.data.tags}
    assert set(executions["selectedColumns"]) <= present


def test_other_settings_of_the_same_execution_get_a_parent_of_their_own(root, monkeypatch):
    monkeypatch.setenv("GRAINCAST_EXECUTION", "by-hand")
    log_execution(root)
    record = json.loads((job_of(root) / "trials.json").read_text())
    record["training"]["iterations"] = 31
    write_text(job_of(root) / "trials.json", json.dumps(record))
    log_execution(root)
    _, parents, children = runs_of(root)
    latest, earlier = sorted(parents, key=lambda run: run.info.start_time, reverse=True)
    assert (earlier.data.params["iterations"], latest.data.params["iterations"]) == ("30", "31")
    assert earlier.data.tags["graincast.superseded_by"] == latest.info.run_id
    assert {run.data.tags["mlflow.parentRunId"] for run in children.values()} == {latest.info.run_id}


def test_a_rerun_replaces_its_runs_and_an_unchanged_model_adds_no_version(original_results, tmp_path, monkeypatch):
    root = copied(original_results, tmp_path / "root")
    monkeypatch.setenv("GRAINCAST_EXECUTION", "only")
    log_execution(root)
    _, (parent,), before = runs_of(root)
    log_execution(root)
    client, (parent_after,), after = runs_of(root)
    assert parent_after.info.run_id == parent.info.run_id
    assert set(after) == set(before) == set(TRIALS)
    for name, run in after.items():
        replaced = before[name].info.run_id
        assert run.data.tags["graincast.replaces"] == replaced
        assert client.get_run(replaced).info.lifecycle_stage == "deleted"
    models = client.search_logged_models([parent.info.experiment_id])
    assert [model.source_run_id for model in models] == [parent.info.run_id]
    assert [version.version for version in client.search_model_versions()] in ([1], ["1"])


def test_a_later_execution_takes_over_all_trials_and_the_earlier_parent_stays(original_results, tmp_path, monkeypatch):
    root = copied(original_results, tmp_path / "root")
    monkeypatch.setenv("GRAINCAST_EXECUTION", "first")
    log_execution(root)
    _, (first,), before = runs_of(root)
    retrain(experiment_of(root) / "model.h5")
    monkeypatch.setenv("GRAINCAST_EXECUTION", "second")
    assert run_track("experiment", settings_of(root), experiment_of(root)) == 0
    client, parents, after = runs_of(root)
    by_execution = {run.data.tags["graincast.execution"]: run for run in parents}
    assert set(by_execution) == {"first", "second"}
    second_id = by_execution["second"].info.run_id
    assert by_execution["first"].data.tags["graincast.superseded_by"] == second_id
    assert by_execution["first"].data.metrics == first.data.metrics
    for name, run in after.items():
        assert run.info.run_id == before[name].info.run_id
        assert run.data.tags["mlflow.parentRunId"] == second_id
    versions = sorted(client.search_model_versions(), key=lambda version: int(version.version))
    assert [version.run_id for version in versions] == [by_execution["first"].info.run_id, second_id]
    assert str(client.get_model_version_by_alias("graincast.one-t8", "champion").version) == "2"
    for version in versions:
        assert client.get_logged_model(version.source.removeprefix("models:/")).status == "READY"


def test_removed_trials_and_duplicate_parents_are_deleted(root):
    settings = settings_of(root)
    run_track("trials", settings, job_of(root))
    client, (parent,), _ = runs_of(root)
    tags = {key: parent.data.tags[key] for key in ("graincast.parent", "graincast.execution")}
    client.create_run(parent.info.experiment_id, tags=tags)  # as a concurrent job would
    record = json.loads((job_of(root) / "trials.json").read_text())
    record["trials"] = record["trials"][:1]
    (job_of(root) / "trials.json").write_text(json.dumps(record))
    assert run_track("experiment", settings, experiment_of(root)) == 0
    _, (remaining,), children = runs_of(root)
    assert remaining.info.status == "FINISHED"
    assert list(children) == TRIALS[:1]


def test_an_interrupted_run_is_marked_killed_and_the_next_attempt_resumes_after_the_finished_ones(root, monkeypatch):
    from graincast.tracking import trial_runs

    log_dataset = trial_runs.log_dataset
    calls = []

    def log_dataset_interrupted(*arguments):
        calls.append(arguments)
        if len(calls) == 2:
            raise OSError(5, "interrupted")
        return log_dataset(*arguments)

    monkeypatch.setattr(trial_runs, "log_dataset", log_dataset_interrupted)
    assert run_track("trials", settings_of(root), job_of(root)) == 0
    assert (job_of(root) / track.UNSENT).is_file()
    _, (parent,), first = runs_of(root)
    assert [first[name].info.status for name in TRIALS] == ["FINISHED", "KILLED"]
    assert parent.info.status == "KILLED"
    assert run_track("sync", settings_of(root), root / "results") == 0
    _, _, second = runs_of(root)
    assert second[TRIALS[0]].info.run_id == first[TRIALS[0]].info.run_id
    assert second[TRIALS[1]].data.tags["graincast.replaces"] == first[TRIALS[1]].info.run_id
    assert {run.info.status for run in second.values()} == {"FINISHED"}


def test_an_interrupted_champion_is_logged_whole_by_the_next_attempt(root, monkeypatch):
    import mlflow
    from mlflow.models import Model

    run_track("trials", settings_of(root), job_of(root))
    log = Model.log

    def log_interrupted(**arguments):
        run = mlflow.active_run()
        mlflow.MlflowClient().create_logged_model(run.info.experiment_id, name="model", source_run_id=run.info.run_id)
        raise OSError(5, "interrupted")

    monkeypatch.setattr(Model, "log", log_interrupted)
    assert run_track("experiment", settings_of(root), experiment_of(root)) == 0
    client, (parent,), _ = runs_of(root)
    assert parent.info.status == "KILLED"
    assert not client.search_model_versions()
    monkeypatch.setattr(Model, "log", log)
    assert run_track("sync", settings_of(root), root / "results") == 0
    client, (parent,), _ = runs_of(root)
    assert parent.info.status == "FINISHED"
    (model,) = client.search_logged_models([parent.info.experiment_id])
    assert (model.status, model.source_run_id) == ("READY", parent.info.run_id)


def test_all_results_are_logged_once_more_only_where_the_store_does_not_have_them(root, monkeypatch, capsys):
    recipes = root / "results" / "recipes"
    for rule, name in (("log_trials", "one/all"), ("log_experiment", "one")):
        write_text(recipes / rule / f"{name}.json", json.dumps({"parameters": ABOUT}))
    monkeypatch.setenv("GRAINCAST_EXECUTION", "first")
    log_execution(root)
    _, parents, children = runs_of(root)
    monkeypatch.delenv("GRAINCAST_EXECUTION")
    again = {"folder": root / "results", "everything": True}

    assert run_track("sync", settings_of(root), **again) == 0
    assert capsys.readouterr().out.endswith("2 of 2 unsent records sent\n")
    _, parents_after, children_after = runs_of(root)
    assert [run.info.run_id for run in parents_after] == [run.info.run_id for run in parents]
    assert {n: r.info.run_id for n, r in children_after.items()} == {n: r.info.run_id for n, r in children.items()}

    client, _, _ = runs_of(root)
    experiment = parents[0].info.experiment_id
    chosen = next(run for run in children.values() if "graincast.chosen" in run.data.tags)
    client.delete_tag(chosen.info.run_id, "graincast.chosen")  # as an earlier release would have left it
    client.delete_experiment_tag(experiment, "mlflow.experimentKind")
    assert run_track("sync", settings_of(root), **again) == 0
    assert client.get_run(chosen.info.run_id).data.tags["graincast.chosen"] == "8"
    assert client.get_experiment(experiment).tags["mlflow.experimentKind"] == "custom_model_development"

    client.delete_run(children[TRIALS[0]].info.run_id)
    assert run_track("sync", settings_of(root), **again) == 0
    _, (parent,), children_after = runs_of(root)
    assert children_after[TRIALS[1]].info.run_id == children[TRIALS[1]].info.run_id
    assert children_after[TRIALS[0]].data.tags["mlflow.parentRunId"] == parent.info.run_id

    elsewhere = settings_of(root, store=f"sqlite:///{root}/other.db")
    assert run_track("sync", elsewhere, **again) == 0
    client, (parent,), children_after = runs_of(root, elsewhere["store"])
    assert set(children_after) == set(TRIALS)
    assert parent.info.status == "FINISHED"
    assert client.get_model_version_by_alias("graincast.one-t8", "champion")


def test_a_damaged_record_is_named_and_the_others_are_sent(root, capsys):
    for step, folder in (("trials", job_of(root)), ("experiment", experiment_of(root))):
        run_track(step, settings_of(root, store="http://127.0.0.1:9"), folder)
    note = job_of(root) / track.UNSENT
    note.write_bytes(note.read_bytes()[:30])
    capsys.readouterr()
    assert run_track("sync", settings_of(root), root / "results") == 1
    out, err = capsys.readouterr()
    assert out == "tracking: 1 of 1 unsent records sent\n"
    assert err.startswith(f"tracking: not sent ({note}: damaged; remove it,")


def test_results_without_threshold_curves_or_a_served_model_are_logged(root):
    """Growth ratios have no threshold, and some models have no training curves, or say why they are not served."""
    job, experiment = job_of(root), experiment_of(root)
    record = json.loads((job / "trials.json").read_text())
    (job / "trials.json").write_text(json.dumps({**record, "curves": []}))
    with h5py.File(job / "history.h5", "r+") as file:
        shape = file["curves"].shape
        del file["curves"], file["steps"]
        file["steps"], file["curves"] = [0][:0], [[[[]]] * shape[1]] * shape[0]
    result = json.loads((experiment / "test_metrics.json").read_text())
    (chosen,) = result["thresholds"].values()
    chosen["test"] = {"mae": 1.5, "r2": None, "count": 12}
    (experiment / "test_metrics.json").write_text(json.dumps({**result, "thresholds": {"": chosen}}))
    content, about = nested.read(experiment / "model.h5", trained_model.FORMAT)
    nested.write(experiment / "model.h5", trained_model.FORMAT, content, {**about, "not_served": "it is too large"})
    log_execution(root)
    client, (parent,), children = runs_of(root)
    assert parent.data.metrics == {"test_mae": 1.5, "test_count": 12.0}
    assert "graincast.chosen" in parent.data.tags
    assert parent.data.tags["graincast.not_served"] == "it is too large"
    assert "model.h5" in {file.path for file in client.list_artifacts(parent.info.run_id)}
    assert not client.search_model_versions()
    assert not any("train_loss" in run.data.metrics for run in children.values())


def test_early_stopping_gives_a_shorter_curve(root):
    with h5py.File(job_of(root) / "history.h5", "r+") as file:
        curves = file["curves"][:]
        curves[:, 0, 2:] = float("nan")  # one fold
        curves[0, :, 3:] = float("nan")  # all folds of a trial
        file["curves"][...] = curves
    run_track("trials", settings_of(root), job_of(root))
    client, _, children = runs_of(root)
    run_id = children[TRIALS[0]].info.run_id
    history = client.get_metric_history(run_id, "validation_loss")
    assert [metric.step for metric in history] == [0, 10, 20]
    assert history[2].value == pytest.approx(curves[0, 1, 2, 1])
