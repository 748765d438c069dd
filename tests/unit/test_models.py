"""What models and encoders declare: complete, consistent, and what their modules take."""

import inspect
from pathlib import Path

import numpy as np
import pytest

from graincast.configuration import extension_models
from graincast.configuration.schema import ENCODERS, checked
from graincast.encoders import architectures
from graincast.evaluation import metrics
from graincast.experiment import declaration as models
from graincast.experiment.targets import ABNORMAL, CANDIDATE, GROWTH_RATIO, LABEL
from graincast.files import declaration
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.planning.sources import module as module_path

ROOT = Path(__file__).parents[2]
METHODS = declaration.names([ENCODERS])
SECTIONS = {
    **{f"{name}.grid": models.read(name).grid for name in models.names()},
    **{f"{name}.training": models.read(name).training for name in models.names()},
    **{name: declaration.read(name, [ENCODERS])["settings"] for name in METHODS},
}
SETTINGS = {f"{section}.{key}": one for section, settings in SECTIONS.items() for key, one in settings.items()}
DECLARED = """\
description: A network of one's own.
extends: graph_network
grains: [candidate]
grid:
  seed: {short: s, description: "Another seed.", type: integer, minimum: 5, default: [7]}
training:
  width: {description: "Width.", type: integer, minimum: 1, default: 2}
"""


# ---- Models


@pytest.mark.parametrize("name", models.names())
def test_a_declared_model_has_a_module_that_reads_trains_and_predicts(name):
    module = by_name.load(name)
    assert (ROOT / module_path("models", name)).samefile(module.__file__)
    assert all(callable(getattr(module, function)) for function in ("read", "total_steps", "train", "predict"))


@pytest.mark.parametrize("name", [name for name in models.names() if models.read(name).unit])
def test_a_model_that_is_trained_in_steps_can_be_watched(name):
    assert "watch" in inspect.signature(by_name.load(name).train).parameters


@pytest.mark.parametrize("name", models.names())
def test_a_model_is_described_and_declared_as_those_of_extensions_must_be(name):
    extension_models.check_model(name, models.MODELS / f"{name}.yaml")
    one = models.read(name)
    assert one.description.endswith(".")
    assert next(iter(one.prefixes)) == "threshold"


def test_axes_of_one_name_have_one_prefix_in_all_models():
    pairs = {pair for name in models.names() for pair in models.read(name).prefixes.items()}
    assert len(pairs) == len(dict(pairs))


def test_every_metric_for_selection_is_measured():
    samples = {
        ABNORMAL: ([True, False, True], [0.9, 0.2, 0.4]),
        GROWTH_RATIO: ([1.0, 5.0, 9.0], [2.0, 5.0, 7.0]),
        LABEL: ([0, 1, 1], [[3.0, 1.0], [0.0, 1.0], [2.0, 1.0]]),
    }
    for kind, (true, predicted) in samples.items():
        measured = metrics.measure(kind, np.array(true), np.array(predicted))
        assert all(measured[name] is not None for name in metrics.selecting(kind))


@pytest.mark.parametrize("name", ["sgd", "__init__", "os.path", ""])
def test_an_unknown_model_is_refused(name):
    with pytest.raises(BadInput, match=f"no model '{name}' in graincast/models"):
        by_name.load(name)


# ---- Settings


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_has_a_description_bounds_and_a_valid_default(name):
    setting = SETTINGS[name]
    assert setting["description"].endswith(".")
    types = {setting["type"]} if isinstance(setting.get("type"), str) else set(setting.get("type", ()))
    assert types or "enum" in setting
    if types & {"integer", "number"}:
        assert {"minimum", "exclusiveMinimum"} & setting.keys()
    in_grid = ".grid." in name
    assert ("short" in setting) == in_grid
    values = setting["default"] if in_grid and "axis" not in setting else [setting["default"]]
    assert values
    for value in values:
        checked(value, setting, name)


# ---- Encoders


def test_a_declared_method_has_a_module_and_says_whether_it_truncates():
    for name in METHODS:
        assert (ROOT / module_path("encoders", name)).is_file()
        assert isinstance(declaration.read(name, [ENCODERS])["truncates"], bool)


def test_the_architectures_of_the_autoencoder_are_those_there_are():
    assert set(SETTINGS["autoencoder.architecture"]["enum"]) == set(architectures.CHANNELS)


# ---- Declarations


def test_a_declaration_that_extends_another_takes_over_its_entries(tmp_path):
    (tmp_path / "mine.yaml").write_text(DECLARED)
    one, parent = models.read("mine", [tmp_path]), declaration.read("graph_network", [models.MODELS])
    assert one.training == {**parent["training"], "width": one.training["width"]}
    assert list(one.training)[-1] == "width"
    assert list(one.grid) == list(parent["grid"])
    assert one.grid["seed"]["default"] == [7]
    assert one.grid["learning_rate"] == parent["grid"]["learning_rate"]
    assert one.features == tuple(parent["features"])
    assert one.grains == (CANDIDATE,)
    folders = models.folders([tmp_path])
    above = [models.MODELS / f"{name}.yaml" for name in ("graph_network", "network")]
    assert declaration.chain("mine", folders) == [tmp_path / "mine.yaml", *above]


def test_abstract_declarations_are_no_models(tmp_path):
    (tmp_path / "mine.yaml").write_text(DECLARED)
    assert "mine" in models.names([tmp_path])
    assert not {"network", "graph_network", "message_layers", "encoder"} & {*models.names([tmp_path]), *METHODS}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[1]", "not a mapping of keys"),
        ("extends: gatt", "no gatt.yaml in "),
        ("extends: mine", r"extends itself \(mine → mine\)"),
        ("features: [feature_sets]", "the key 'kinds' is missing"),
        ("extends: gat\ntraining: 5", "training: not a mapping of settings"),
        ("extends: gat\ntraining: {width: {type: integer}}", r"training\.width: lacks description and default"),
        ("extends: gat\ngrid: {width: {description: Width., default: [1]}}", r"grid\.width: lacks short, the prefix"),
    ],
)
def test_a_malformed_declaration_is_refused(tmp_path, text, expected):
    (tmp_path / "mine.yaml").write_text(text)
    with pytest.raises(BadInput, match=expected):
        models.read("mine", [tmp_path])
