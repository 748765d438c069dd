"""graincast explain: what is written adds up, is the same each time, and what does not fit is one line."""

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
from scipy.special import expit

from graincast.command import main
from graincast.evaluation import test_data
from graincast.evaluation.examples import best_and_worst
from graincast.explanation import examples
from graincast.prediction import trained_model
from tests.tracked import experiment_of
from tests.unit.test_predict import data, root  # noqa: F401  # fixtures


def explain(of: Path, out: Path, *arguments: str) -> None:
    main(["explain", "--model", str(experiment_of(of) / "model.h5"), "--out", str(out), *arguments])


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def evaluated(root, tmp_path_factory) -> Path:  # noqa: F811
    """The same results with the split where the workflow puts it."""
    folder = shutil.copytree(root, tmp_path_factory.mktemp("evaluated") / "results_root")
    about = trained_model.describe(experiment_of(folder) / "model.h5")
    dataset = folder / "results/datasets" / about["dataset"]
    features = dataset / "features" / f"{about['feature_set']}.h5"
    if not features.is_file():
        features.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(folder / "results/datasets/made/features/three.h5", features)
    (dataset / "splits").mkdir()
    shutil.copy(folder / "split.csv", dataset / "splits" / f"{about['split']}.csv")
    return folder


def test_the_attributions_of_a_candidate_and_the_baseline_sum_to_its_logit(root, data, tmp_path):  # noqa: F811
    out = tmp_path / "out"
    explain(root, out, "--data", str(data))
    explained = rows(out / "explained.csv")
    assert {one["map"] for one in explained} == {"fine", "wide"}
    for one in explained:
        of_one = [row for row in rows(out / "attributions.csv") if row["microstructure"] == one["microstructure"]]
        total = sum(float(row["attribution"]) for row in of_one)
        assert float(one["baseline"]) + total == pytest.approx(float(one["output"]), abs=1e-7)
        assert one["complete"] == "true" and abs(float(one["residual"])) < 1e-9
        # of two folds, the logits are averaged here and the probabilities in the prediction
        assert float(one["probability_abnormal"]) == pytest.approx(expit(float(one["output"])), abs=0.02)
        assert {row["grain"] for row in of_one if row["hops"] == "0"} == {one["grain"]}
        assert max(int(row["hops"]) for row in of_one) == 1  # the model propagates once
        assert (out / f"{one['microstructure']}.png").read_bytes().startswith(b"\x89PNG")


def test_all_grains_of_a_map_can_be_explained(root, data, tmp_path):  # noqa: F811
    types = ("--types", "{by: fraction, red: 0.4, seed: 3}", "--candidates", "all")
    explain(root, tmp_path / "out", "--data", str(data / "fine"), *types)
    explained = rows(tmp_path / "out/explained.csv")
    assert len(explained) == len({one["grain"] for one in explained}) > 5
    assert all(one["complete"] == "true" for one in explained)


def test_importance_and_radius_of_an_experiment(evaluated, tmp_path):
    out = tmp_path / "out"
    explain(evaluated, out)
    found = rows(out / "importance.csv")
    assert {(one["feature"], one["of"]) for one in found} >= {("area", "candidate"), ("type", "other grains")}
    losses = [float(one["loss"]) for one in found if one["loss"]]
    assert losses == sorted(losses, reverse=True)
    unused = next(one for one in found if one["of"] == "boundaries")  # SGC takes no features of boundaries
    assert float(unused["loss"]) == 0 and float(unused["low"]) <= 0 <= float(unused["high"])
    radius = rows(out / "hop_radius.csv")
    assert {one["metric"] for one in radius} == {"auc", "accuracy"} and radius[-1]["hops"] == "all"
    last = {one["hops"]: one["value"] for one in radius if one["metric"] == "accuracy"}
    assert last["1"] == last["all"]  # the model propagates once
    assert np.isfinite([float(one["value"]) for one in radius]).all()
    assert (out / "importance.png").is_file() and (out / "hop_radius.png").is_file()
    tested = test_data.read(experiment_of(evaluated) / "predictions.csv", "2")
    best, worst = best_and_worst(tested, examples.COUNT)
    assert not {one.name for one in best} & {one.name for one in worst} and len(best) == examples.COUNT
    far = np.abs(tested.predicted - tested.true)
    assert max(abs(one.true - one.predicted) for one in best) <= np.median(far)
    listed = rows(out / "examples.csv")
    assert {one["microstructure"] for one in listed} == {one.name for one in (*best, *worst)}
    for example in (*best, *worst):
        own = [one for one in listed if one["microstructure"] == example.name]
        total = float(own[0]["baseline"]) + sum(float(one["attribution"]) for one in own)
        assert total == pytest.approx(float(own[0]["output"]), abs=1e-7)
        # by the models that tested it: those of other folds predict otherwise
        assert expit(total) == pytest.approx(example.predicted, abs=1e-6)


def test_the_same_input_gives_the_same_bytes(root, data, tmp_path):  # noqa: F811
    for out in ("a", "b"):
        explain(root, tmp_path / out, "--data", str(data))
    names = sorted(path.name for path in (tmp_path / "a").iterdir())
    assert names == sorted(path.name for path in (tmp_path / "b").iterdir())
    for name in names:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes(), name


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--data", "nowhere"], "No such file or directory"),
        (["--data", ".", "--source", "sparks"], "'sparks' is none of"),
        (["--threshold", "9"], "holds models for the thresholds 2"),
        (["--source", "spparks"], "--source says how to read raw data; add --data, or leave it out"),
        ([], "missing, so there is no test data; pass --data to explain predictions for raw data"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(root, tmp_path, capsys, arguments, message):  # noqa: F811
    with pytest.raises(SystemExit) as stopped:
        explain(root, tmp_path / "out", *arguments)
    assert stopped.value.code == 1
    line = capsys.readouterr().err.strip().splitlines()[-1]
    assert line.startswith("graincast: error: ") and message in line
    assert not (tmp_path / "out").exists()


def test_changed_data_are_refused(evaluated, tmp_path, capsys):
    import h5py

    folder = shutil.copytree(evaluated, tmp_path / "copy")
    about = trained_model.describe(experiment_of(folder) / "model.h5")
    path = folder / "results/datasets" / about["dataset"] / "features" / f"{about['feature_set']}.h5"
    with h5py.File(path, "r+") as file:
        values = file["x"][()]
        values[0] += 1
        file["x"][...] = values
    with pytest.raises(SystemExit):
        explain(folder, tmp_path / "out")
    assert "changed since one was trained" in capsys.readouterr().err


def test_a_folder_with_other_files_is_not_replaced(root, data, tmp_path, capsys):  # noqa: F811
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "precious.txt").write_text("mine")
    with pytest.raises(SystemExit):
        explain(root, tmp_path / "out", "--data", str(data))
    assert "there already, and not an explanation's folder" in capsys.readouterr().err
    assert (tmp_path / "out" / "precious.txt").read_text() == "mine"
