"""The registry and the schema agree with each model's module."""

from pathlib import Path

import numpy as np
import pytest
import yaml

from graincast.configuration.load import SCHEMA
from graincast.encoders import registry as encoders
from graincast.evaluation import metrics
from graincast.experiment.grid import AXES
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.models.registry import MODELS
from graincast.planning.sources import module as module_path

ROOT = Path(__file__).parents[2]
EXPERIMENT = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]["experiment"]["properties"]


@pytest.mark.parametrize("name", MODELS)
def test_a_model_takes_the_settings_of_its_registry_entry(name):
    module, model = by_name.load(name), MODELS[name]
    assert (ROOT / module_path("models", name)).samefile(module.__file__)
    assert set(module.TRAINING) == set(model.training)
    assert tuple(axis for axis in model.axes if axis != "feature_subset") == module.AXES
    steps, unit = module.total_steps(6, 5, {"iterations": 7, "epochs": 7})
    assert steps > 0 and unit


def test_every_key_and_choice_of_the_schema_belongs_to_a_model():
    axes = {axis for model in MODELS.values() for axis in model.axes}
    assert axes | {"threshold"} == set(AXES)
    assert set(EXPERIMENT["grid"]["properties"]) == axes - {"feature_subset"} | {"feature_subsets"}
    assert set(EXPERIMENT["training"]["properties"]) == {key for model in MODELS.values() for key in model.training}
    assert set(EXPERIMENT["model"]["enum"]) == set(MODELS)
    assert set(EXPERIMENT["fan_out"]["items"]["enum"]) == set(AXES) - {"feature_subset"}
    kinds = {kind for model in MODELS.values() for kind in model.kinds}
    assert set(EXPERIMENT["target"]["properties"]["kind"]["enum"]) == kinds == {ABNORMAL, GROWTH_RATIO, LABEL}


def test_every_metric_for_selection_is_measured():
    samples = {
        ABNORMAL: ([True, False, True], [0.9, 0.2, 0.4]),
        GROWTH_RATIO: ([1.0, 5.0, 9.0], [2.0, 5.0, 7.0]),
        LABEL: ([0, 1, 1], [[3.0, 1.0], [0.0, 1.0], [2.0, 1.0]]),
    }
    named = set()
    for kind, (true, predicted) in samples.items():
        measured = metrics.measure(kind, np.array(true), np.array(predicted))
        assert all(measured[name] is not None for name in metrics.NAMES[kind])
        named |= set(metrics.NAMES[kind])
    assert named | {None} == set(EXPERIMENT["select"]["enum"])


def test_the_schema_lists_the_encoders_and_their_settings():
    encoder = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))["$defs"]["encoder"]["properties"]
    assert set(encoder["method"]["enum"]) == set(encoders.SETTINGS)
    assert set(encoder["architecture"]["enum"]) == set(encoders.ARCHITECTURES)
    assert set(encoder) == {"method"} | {key for keys in encoders.SETTINGS.values() for key in keys}


def test_an_unknown_model_is_refused():
    with pytest.raises(BadInput, match="no model 'sgd' in graincast/models"):
        by_name.load("sgd")
