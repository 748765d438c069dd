"""The package as a wheel: complete, typed, and usable where there is no checkout."""

import itertools
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from graincast.planning import packages

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory) -> Path:
    """The wheel that `pip install .` would build."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir"]
    done = subprocess.run([*command, folder, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (built,) = folder.glob("graincast-*.whl")
    return built


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory) -> Path:
    """A folder in which the wheel alone is installed."""
    folder = tmp_path_factory.mktemp("installed")
    command = [sys.executable, "-m", "pip", "install", "--no-deps", "--quiet", "--target", folder, wheel]
    subprocess.run(command, check=True, capture_output=True)
    return folder


def test_it_holds_every_module_declaration_the_schema_and_the_mark_of_typed_packages(wheel):
    held = set(zipfile.ZipFile(wheel).namelist())
    files = [path for suffix in ("py", "yaml", "html", "css") for path in (ROOT / "graincast").rglob(f"*.{suffix}")]
    assert {path.relative_to(ROOT).as_posix() for path in files} | {
        "graincast/py.typed",
        "graincast/configuration/schema.yaml",
    } <= held
    assert {name.split("/")[0] for name in held} == {"graincast", "graincast-0.1.0.dist-info"}


def test_the_command_works_without_a_checkout(installed, tmp_path):
    environment = os.environ | {"PYTHONPATH": str(installed)}
    command = [sys.executable, installed / "bin/graincast", "config", ROOT / "config/config.yaml", "splits"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["held-out"]["method"] == "fractions"
    where = "import graincast.configuration.schema as schema; print(schema.__file__); print(schema.FILE)"
    done = subprocess.run([sys.executable, "-P", "-c", where], capture_output=True, text=True, env=environment)
    assert all(line.startswith(str(installed)) for line in done.stdout.splitlines()), done.stdout + done.stderr


def test_a_trained_model_is_one_file_that_the_wheel_alone_loads(installed, original_results, tmp_path):
    model = original_results / "results" / "experiments" / "one" / "model.h5"
    frame: dict = {"microstructure": "a", "grain": [1, 2, 3], "candidate": [True, False, False]}
    frame |= {"neighbours": [[2, 3], [1, 3], [1, 2]], "c0": [0.5] * 3, "c1": [1.0, 2.0, 3.0], "c2": [0.0] * 3}
    code = "import sys, json, graincast, pandas as pd\n"
    code += "model = graincast.load(sys.argv[1])\n"
    code += "print(graincast.__file__, model.predict(pd.DataFrame(json.load(sys.stdin)))['probability_abnormal'][0])"
    command = [sys.executable, "-P", "-c", code, shutil.copy(model, tmp_path)]
    environment = os.environ | {"PYTHONPATH": str(installed)}
    options = {"capture_output": True, "text": True, "cwd": tmp_path, "env": environment, "check": False}
    done = subprocess.run(command, input=json.dumps(frame), **options)
    assert done.returncode == 0, done.stderr
    where, probability = done.stdout.split()
    assert where.startswith(str(installed))
    assert 0 < float(probability) < 1


def test_what_the_command_does_not_need_is_not_imported():
    code = "import sys; from graincast.command import main; sys.argv = ['graincast', '--help']\n"
    code += (
        "try: main()\nexcept SystemExit: pass\nprint(sorted({'torch', 'mlflow', 'numpy', 'yaml'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=True)
    assert done.stdout.splitlines()[-1] in ("[]", "['numpy']")


def test_its_dependencies_are_those_that_the_workflow_pins():
    pinned = packages.pinned(ROOT).keys()
    import tomllib

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = [*project["dependencies"], *itertools.chain(*project["optional-dependencies"].values())]
    assert {requirement.partition(">=")[0].lower() for requirement in wanted} <= pinned
