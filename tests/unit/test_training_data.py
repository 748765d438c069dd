"""Data sets that are added to the training data: nothing is tested on them, and no tested state is learned from."""

from dataclasses import fields

import numpy as np
import pytest

from graincast.experiment import splits, targets, training_data
from graincast.features import table
from graincast.microstructure import BadInput
from graincast.models import logistic, sgc
from tests.tables import table_parts

COLUMNS = ["c0", "c1", "c2"]
OWN = [one | {"name": f"own{i:02d}"} for i, one in enumerate(table_parts(30, seed=1))]
OTHERS = [one | {"name": f"z{i:02d}"} for i, one in enumerate(table_parts(40, seed=2))]
SUBSET = np.array(["train"] * 12 + ["validation"] * 9 + ["test"] * 9)


def written(folder, name: str, parts: list[dict], columns=COLUMNS):
    path = folder / name / "features" / "plain.h5"
    table.write_rows(path, columns, parts)
    return path


@pytest.fixture
def own(tmp_path):
    """The features and the split of a data set of its own."""
    splits.write(tmp_path / "split.csv", [one["name"] for one in OWN], {"all": SUBSET})
    return written(tmp_path, "own", OWN), tmp_path / "split.csv"


def test_without_others_the_data_are_the_experiments_own(own):
    found = training_data.read(logistic, *own, [], "e")
    assert found.whole is found.own and found.added == {} == found.described
    assert found.subsets["all"].tolist() == SUBSET.tolist()


@pytest.mark.parametrize("model", [logistic, sgc])
def test_a_model_learns_what_it_would_from_one_table_of_both(own, tmp_path, model):
    """Where the split has the others in its training subset."""
    found = training_data.read(model, *own, [written(tmp_path, "others", OTHERS)], "e")
    whole = table.assemble(COLUMNS, [*OWN, *OTHERS])
    for field in fields(whole):
        np.testing.assert_array_equal(getattr(found.whole, field.name), getattr(whole, field.name))
    assert found.added == {"others": 40} and found.whole.fingerprint == whole.fingerprint
    subsets = {"all": np.concatenate([SUBSET, np.full(40, "train")])}
    assert found.subsets["all"].tolist() == subsets["all"].tolist()
    grid = {"threshold": [10.0], "propagation_steps": [1]}
    grid |= {"transform": ["none"], "c": [1.0]} if model is logistic else {}
    grid |= {"learning_rate": [0.1], "weight_decay": [0.0], "seed": [0]} if model is sgc else {}
    training = {"refit": True} if model is logistic else {"iterations": 20, "evaluate_every": 10}
    predicted = []
    for data, of_data in ((found.whole, found.subsets), (whole, subsets)):
        trained = model.train(data, of_data, targets.of_data(data, [10.0]), grid, training)
        ((trial, fold),) = trained.models
        predicted.append(model.predict(trained.models[trial, fold], found.own))
    np.testing.assert_array_equal(*predicted)


def test_a_state_of_the_own_data_set_is_learned_only_where_it_trains(tmp_path):
    own = [one | {"name": f"own{i:02d}", "group": f"state{i % 10}"} for i, one in enumerate(table_parts(30, seed=1))]
    others = [one | {"name": f"regrown{i:02d}", "group": f"state{i % 12}"} for i, one in enumerate(OTHERS)]
    folds = {"a": ["train", "validation", "test", ""], "b": ["test", "train", "train", "validation"]}
    by_group = {fold: [of[i % 4] for i in range(10)] for fold, of in folds.items()}
    subsets = {fold: [of[i % 10] for i in range(30)] for fold, of in by_group.items()}
    splits.write(tmp_path / "split.csv", [one["name"] for one in own], subsets)
    found = training_data.read(
        logistic, written(tmp_path, "own", own), tmp_path / "split.csv", [written(tmp_path, "others", others)], "e"
    )
    for fold, of in by_group.items():
        tail = found.subsets[fold][30:]
        assert set(tail) == {"train", ""}
        for group, subset in zip(found.whole.group[30:], tail, strict=True):
            number = int(group.removeprefix("state"))
            assert (subset == "train") == (number >= 10 or of[number] == "train")


def test_states_without_growth_are_left_out_of_both(own, tmp_path):
    bare = OTHERS[0] | {"name": "bare", "growth_ratio": np.zeros((0, len(OTHERS[0]["x"])))}
    found = training_data.read(logistic, *own, [written(tmp_path, "others", [*OTHERS[1:], bare])], "e")
    assert found.added == {"others": 39} and "bare" not in found.whole.name


def test_other_features_are_refused(own, tmp_path):
    others = written(tmp_path, "others", OTHERS, ["c0", "c1", "other"])
    with pytest.raises(BadInput, match=r"columns .*'c2'.*'other'.* differ; recreate the features"):
        training_data.read(logistic, *own, [others], "e")
