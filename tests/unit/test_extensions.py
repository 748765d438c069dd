"""Extensions: a folder with features and a model is used like the library's own, and a faulty one is named."""

import sys
from pathlib import Path

import numpy as np
import pytest

from graincast.configuration import extension_models
from graincast.experiment import declaration, targets
from graincast.experiment.trained import FORMAT
from graincast.features import named
from graincast.features.edges import EDGE_FEATURES
from graincast.features.nodes import NODE_FEATURES
from graincast.features.rows import row
from graincast.files import nested
from graincast.microstructure import BadInput
from graincast.models import by_name
from graincast.planning import sources
from graincast.prediction import packing
from graincast.program import extensions
from tests.tables import feature_table, microstructure
from tests.unit.model_suite import SMALL, folds

ROOT = Path(__file__).parents[2]
FEATURES = '''
"""Features of an extension."""
from graincast.features.feature import Feature

NODE_FEATURES = {"half_area": Feature(lambda m: m.shapes["area"] / 2, "sites", "half the number of sites")}
EDGE_FEATURES = {"constant": Feature(lambda m: m.microstructure.boundary_length * 0 + 1, "", "one")}
'''
MODEL = '''
"""Each grain by itself."""
import functools

import torch

from graincast.models import graph_network


class Network(graph_network.Network):
    SELF_LOOPS = False

    def __init__(self, columns, edge_columns, scale):
        super().__init__()
        self.last, self.norm, self.scale = torch.nn.Linear(columns, 1), torch.nn.BatchNorm1d(columns), scale

    def forward(self, x, edge_index, edge_attr):
        return self.scale * self.last(self.norm(x))[:, 0]


read, total_steps = graph_network.read, graph_network.total_steps
train = functools.partial(graph_network.train, Network)
predict = functools.partial(graph_network.predict, Network)
'''
DECLARATION = """
description: Each grain by itself.
extends: graph_network
training:
  scale: {description: "Factor.", type: number, default: 2.0}
  epochs: {description: "Passes.", type: integer, default: 4}
"""


@pytest.fixture
def extension(tmp_path):
    """extension(files, name): the folder of an installed extension with these files."""
    names = []

    def installed(files: dict[str, str], name: str = "one_extension") -> Path:
        folder = tmp_path / name
        folder.mkdir()
        for file, content in files.items():
            (folder / file).write_text(content, encoding="utf-8")
        names.append(name)
        extensions.install([folder])
        return folder

    yield installed
    for module in [module for module in sys.modules if module.partition(".")[0] in names]:
        del sys.modules[module]


def refused(function, *arguments) -> str:
    with pytest.raises(BadInput) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_features_of_an_extension_are_used_by_name(extension):
    nodes, edges = tables = named.tables([extension({"features.py": FEATURES})])
    assert list(nodes) == [*NODE_FEATURES, "half_area"] and list(edges) == [*EDGE_FEATURES, "constant"]
    found = row(microstructure("m", 0), ["half_area", "area"], ["constant"], tables)
    np.testing.assert_array_equal(2 * found["x"][:, 0], found["x"][:, 1])
    assert (found["edge_x"] == 1).all()
    assert "half_area" not in named.tables()[0]


def test_a_model_of_an_extension_is_declared_trained_and_used(extension, tmp_path):
    folder = extension({"own.py": MODEL, "own.yaml": DECLARATION})
    assert declaration.names([folder]) == sorted([*declaration.names(), "own"])
    declared, model = declaration.read("own", [folder]), by_name.load("own", [folder])
    assert list(declared.grid) == ["learning_rate", "weight_decay", "seed"]
    training = {key: setting["default"] for key, setting in declared.training.items()}
    assert (training["scale"], training["epochs"]) == (2.0, 4)
    data = feature_table(20)
    grid = {"threshold": [10.0], "learning_rate": [0.01], "weight_decay": [0], "seed": [0]}
    training["batch_size"] = SMALL["batch_size"]
    trained = model.train(data, {"all": folds(20)["one"]}, targets.of_data(data, [10.0]), grid, training)
    nested.write(tmp_path / "models.h5", FORMAT, {"one": next(iter(trained.models.values()))}, {})
    found = nested.read(tmp_path / "models.h5", FORMAT)[0]["one"]
    assert found["network"] == {"scale": 2.0}
    assert np.isfinite(model.predict(found, data)).all()


def test_an_extension_may_lack_features_or_models(extension):
    folder = extension({"own.py": MODEL})
    assert named.tables([folder]) == named.tables()
    assert extensions.module(folder, "other") is None
    extensions.install([folder])  # again, which changes nothing
    message = refused(by_name.load, "other", [folder])
    assert message == f"no model 'other' in graincast/models, {folder}"
    assert refused(declaration.read, "own", [folder]).startswith("no own.yaml in ")


def test_names_that_are_there_already_are_refused(extension):
    folder = extension({"features.py": FEATURES.replace("half_area", "area")})
    other = extension({"features.py": FEATURES, "sgc.py": MODEL, "sgc.yaml": DECLARATION}, "other_extension")
    assert refused(named.tables, [folder]) == f"{folder}/features.py: there is a feature area already; rename it"
    third = extension({"features.py": FEATURES}, "third_extension")
    message = refused(named.tables, [other, third])
    assert message == f"{third}/features.py: there is a feature half_area already; rename it"
    message = refused(declaration.names, [other])
    assert message == f"{other}/sgc.yaml: there is a {declaration.MODELS}/sgc.yaml already; rename it"


def test_all_that_an_extension_imports_is_hashed_and_packed(extension, tmp_path):
    model = "from . import extra\nfrom .parts.pieces import one\nfrom one_extension.more import two\n" + MODEL
    files = {"own.py": model, "own.yaml": DECLARATION, "extra.py": "import json", "more.py": "two = 2"}
    folder = extension({**files, "unused.py": "", "__init__.py": "1 / 0"})
    (folder / "parts").mkdir()
    (folder / "parts/__init__.py").write_text("from ..more import two")
    (folder / "parts/pieces.py").write_text("one = 1")
    expected = {"own.py", "own.yaml", "extra.py", "more.py", "parts/__init__.py", "parts/pieces.py"}
    expected = {f"one_extension/{name}" for name in expected}
    packed = packing.files("own", [folder])
    assert {name for name in packed if not name.startswith("graincast/")} == expected
    assert packed["one_extension/parts/pieces.py"] == folder / "parts/pieces.py"
    found = sources.closure(ROOT, str(folder / "own.py"), str(folder / "own.yaml"), extensions=[folder])
    labels = sources.digests(ROOT, found, [folder])
    assert {label for label in labels if not label.startswith("graincast/")} == {f"extensions/{x}" for x in expected}
    assert by_name.load("own", [folder]).one == 1
    moved = tmp_path / "moved" / folder.name
    moved.parent.mkdir()
    folder.rename(moved)
    found = sources.closure(ROOT, str(moved / "own.py"), str(moved / "own.yaml"), extensions=[moved])
    assert sources.digests(ROOT, found, [moved]) == labels


def test_what_serving_needs_is_pinned_by_the_distribution_that_has_it(extension):
    text = "import yaml, sklearn, mlflow, torch_geometric, package_of_none\n"
    needed = packing.requirements("own", [extension({"own.py": text + MODEL, "own.yaml": DECLARATION})])
    names = {line.partition("==")[0].lower() for line in needed}
    assert {"pyyaml", "scikit-learn", "mlflow", "torch-geometric"} <= names
    assert "" not in names and "package_of_none" not in names


def test_a_linked_folder_goes_by_the_name_of_the_link(extension, tmp_path):
    real = tmp_path / "version-2"
    real.mkdir()
    (real / "features.py").write_text(FEATURES)
    link = tmp_path / "my_link"
    link.symlink_to(real)
    try:
        extensions.install([link])
        assert "half_area" in named.tables([link])[0]
    finally:
        for module in ("my_link", "my_link.features"):
            sys.modules.pop(module, None)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("class", "a package cannot have this name; use letters, digits and _"),
        ("json", "another package is called json; rename the folder"),
        ("graincast", "another package is called graincast; rename the folder"),
        ("my-features", "a package cannot have this name; use letters, digits and _"),
    ],
)
def test_a_folder_whose_name_cannot_be_a_package_is_refused(tmp_path, name, message):
    (tmp_path / name).mkdir()
    assert refused(extensions.install, [tmp_path / name]) == f"extensions: {tmp_path / name}: {message}"


def test_a_missing_folder_and_a_second_one_of_the_same_name_are_refused(extension, tmp_path):
    missing = tmp_path / "missing"
    assert refused(extensions.install, [missing]) == f"extensions: no folder {missing}; correct the path"
    first = extension({"features.py": FEATURES}, "same_name")
    assert refused(extensions.install, [first, first]) == f"extensions: {first}: named twice; remove one"
    second = tmp_path / "elsewhere" / "same_name"
    second.mkdir(parents=True)
    assert "another package is called same_name" in refused(extensions.install, [second])


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def broken(:", "SyntaxError: invalid syntax"),
        ("1 / 0", "ZeroDivisionError: division by zero"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("raise OSError('two\\nlines')", "OSError: two lines"),
    ],
)
def test_a_module_that_cannot_be_imported_is_named(extension, content, reason):
    folder = extension({"features.py": content, "own.py": content, "own.yaml": DECLARATION})
    for name, use in (("features", named.tables), ("own", lambda folders: by_name.load("own", folders))):
        message = refused(use, [folder])
        assert message.startswith(f"{folder}/{name}.py: cannot be imported: {reason}")


@pytest.mark.parametrize(
    "content",
    ["NODE_FEATURES = {'x': len}", "NODE_FEATURES = {1: FEATURE}", "NODE_FEATURES = ['x']", "NODE_FEATURES = None"],
)
def test_a_table_of_anything_but_features_is_refused(extension, content):
    start = "from graincast.features.feature import Feature\nFEATURE = Feature(len, '', '')\n"
    folder = extension({"features.py": f"{start}NODE_FEATURES = {content}"})
    assert "NODE_FEATURES must map names to entries of" in refused(named.tables, [folder])


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ("kidns: [abnormal]", "top level: unknown key 'kidns'; did you mean 'kinds'? (known: "),
        ("kinds: abnormal", "kinds: 'abnormal' is not a list; write ['abnormal']"),
        ("kinds: [abnorml]", "kinds.0: 'abnorml' is none of abnormal, growth-ratio, label; did you mean 'abnormal'?"),
        ("features: [feature_set]", "features.0: 'feature_set' is none of "),
        ("grains: [all]", "grains: ['all'] does not contain "),
        ("select: nlll", "select: 'nlll' cannot choose a trial of kind abnormal; did you mean 'nll'?"),
        ("served: false", "served: False is neither true nor the reason why it cannot be"),
        ("grid: {a: {short: s, description: A., default: [1]}}", "grid.a.short: 's' is that of seed already; choose"),
        ("grid: {a: {short: a/, description: A., default: [1]}}", "grid.a.short: 'a/' is not only letters; choose"),
        ("grid: {a: {short: a, description: A., default: 1}}", "grid.a.default: 1 is not a list; write [1]"),
        ("grid: {scale: {short: a, description: A., default: [1]}}", "grid.scale: there is another key of this name"),
        ("grid: {threshold: {short: a, description: A., default: [1]}}", "grid.threshold: there is another key of"),
        ("type: number", "training.scale.type: not JSON Schema: 'int' is not valid under any of the given schemas"),
        ("default: 2.0", "training.scale.default: 'two' is not a number"),
        ("default: 4", "training.epochs.at_most: 'training.epoch' is no key; did you mean 'training.epochs'?"),
        ("graph_network", "extends: no graph_netwrk.yaml in "),
    ],
)
def test_a_wrong_declaration_is_named_before_any_job(extension, change, expected):
    edits = {
        "type: number": "type: int",
        "default: 2.0": "default: two",
        "default: 4": "default: 4, at_most: training.epoch",
        "graph_network": "graph_netwrk",
    }
    text = DECLARATION.replace(change, edits[change]) if change in edits else f"{DECLARATION}{change}\n"
    folder = extension({"own.py": MODEL, "own.yaml": text})
    assert refused(extension_models.check, [folder]).startswith(f"{folder}/own.yaml: {expected}")


def test_a_model_needs_a_module_with_its_functions(extension):
    folder = extension({"own.yaml": DECLARATION})
    assert refused(extension_models.check, [folder]) == f"{folder}/own.yaml: no module own.py beside it"
    folder = extension({"own.py": "read = train = len", "own.yaml": DECLARATION}, "without_functions")
    message = refused(by_name.load, "own", [folder])
    assert message == f"{folder}/own.py: a model needs the functions total_steps, predict"
