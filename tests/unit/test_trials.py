"""The files of a training job: they are read back, and other files are refused."""

import json

import h5py
import numpy as np
import pytest

from graincast.experiment import trained
from graincast.experiment.record import KEYS, read_record
from graincast.microstructure import BadInput


@pytest.mark.parametrize(
    ("text", "expected"),
    [("{", "not valid JSON: "), ("[]", "lacks experiment; "), (json.dumps(dict.fromkeys(KEYS[:-1])), "lacks trials; ")],
)
def test_a_file_that_is_not_a_record_is_refused(tmp_path, text, expected):
    (tmp_path / "trials.json").write_text(text, encoding="utf-8")
    with pytest.raises(BadInput, match=f"trials.json: {expected}") as caught:
        read_record(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_record_is_read(tmp_path):
    record = dict.fromkeys(KEYS, 1)
    (tmp_path / "trials.json").write_text(json.dumps(record), encoding="utf-8")
    assert read_record(tmp_path) == record


@pytest.mark.parametrize("columns", [("train_loss", "validation_loss"), ()])
def test_the_files_of_a_job_hold_its_models_and_curves_by_trial_and_fold(tmp_path, columns):
    trials, folds = {"s0": (10.0, 0), "s1": (10.0, 1)}, ["f1", "f2"]
    keys = [(trial, fold) for trial in trials.values() for fold in folds]
    steps = np.arange(3 if columns else 0)
    result = trained.Trained(
        models={key: {"columns": ["area"], "weight": np.full(3, float(i))} for i, key in enumerate(keys)},
        iterations=dict.fromkeys(keys, 1),
        curves={key: np.full((len(steps), len(columns)), float(i)) for i, key in enumerate(keys)},
        steps=steps,
        columns=columns,
    )
    record = {"experiment": "one", "job": "all", "folds": folds}
    trained.write(tmp_path, record, result, trials)
    assert json.loads((tmp_path / "trained.json").read_text(encoding="utf-8")) == record
    models = trained.read_models(tmp_path / "models.h5")
    with h5py.File(tmp_path / "history.h5") as file:
        assert file["trial"].asstr()[:].tolist() == list(trials)
        assert [column.decode() for column in file.attrs["columns"]] == list(columns)
        np.testing.assert_array_equal(file["steps"], steps)
        for i, (name, trial) in enumerate(trials.items()):
            for j, fold in enumerate(folds):
                np.testing.assert_array_equal(file["curves"][i, j], result.curves[trial, fold])
                assert models[name][fold]["columns"] == ["area"]
                np.testing.assert_array_equal(models[name][fold]["weight"], result.models[trial, fold]["weight"])
