"""The example of docs/extensions.md: a feature and a model of a user's own, trained, hashed into recipes and served."""

import json
import shutil

import pytest

import graincast
from graincast.microstructure import BadInput
from tests.workflow import checkout, small

CONFIG = ("--configfile", "config/mine.yaml")
MINE = """\
dataset: made
split: held-out
features: with-neighbours
model: sage
target: {threshold: [2.4, 2.5]}
grid: {learning_rate: [0.01]}
training: {epochs: 3, batch_size: 4, hidden: 4}
"""


def test_the_example_is_trained_hashed_and_served(tmp_path):
    folder = checkout.copy_project(tmp_path / "checkout")
    shutil.move(folder / "docs/my_ideas", folder / "my_ideas")
    config = small.CONFIG.replace("[made, given, tabled, attended, pictured]", "[mine]")
    config = config.replace("feature_sets:\n", "feature_sets:\n  with-neighbours: [type, area, neighbour_area]\n")
    (folder / "config/mine.yaml").write_text(f"extensions: [my_ideas]\n{config}")
    (folder / "config/experiments/mine.yaml").write_text(MINE)
    ran = checkout.run(folder, *CONFIG)
    assert ran.returncode == 0, ran.stdout
    assert "not sent" not in ran.stdout

    recipe = json.loads((folder / "results/recipes/train/mine/all.json").read_text())
    assert {"extensions/my_ideas/sage.py", "extensions/my_ideas/sage.yaml"} <= set(recipe["sources"])
    assert "graincast/models/graph_network.py" in recipe["sources"]
    assert str(tmp_path) not in json.dumps(recipe)
    recipe = json.loads((folder / "results/recipes/features/made/with-neighbours.json").read_text())
    assert "extensions/my_ideas/features.py" in recipe["sources"]

    model = folder / "results/experiments/mine/model.h5"
    run = next((folder / "results/datasets/made/runs/0000").glob("run-*"))
    with pytest.raises(BadInput, match=r"no model 'sage' .*; name the folders of its extensions \(my_ideas\)"):
        graincast.load(model, 2.5)
    here = graincast.load(model, 2.5, folder / "my_ideas").predict(run)
    assert 0 < here["probability_abnormal"][0] < 1
    code = "import mlflow, sys; mlflow.set_tracking_uri('sqlite:///results/mlflow.db'); import pandas as pd\n"
    for threshold in ("2.4", "2.5"):  # the second finds the packages of the first
        code += f"model = mlflow.pyfunc.load_model('models:/graincast.mine-t{threshold}@champion')\n"
    code += f"print(model.predict(pd.DataFrame({{'path': [{str(run)!r}]}})).to_json())"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "results").symlink_to(folder / "results")  # where neither graincast nor the extension can be imported
    done = checkout.python(elsewhere, "-P", "-c", code)
    assert done.returncode == 0, done.stderr
    served = json.loads(done.stdout.splitlines()[-1])["probability_abnormal"]["0"]
    assert served == pytest.approx(here["probability_abnormal"][0], rel=1e-5)

    for edited, expected in (
        ("sage.py", {"train:mine/all"}),
        ("features.py", {"features:made/with-neighbours", "train:mine/all"}),
    ):
        path = folder / "my_ideas" / edited
        text = path.read_text()
        path.write_text(text + "\nedited = 1\n")
        stale = checkout.stale(folder, *CONFIG)
        assert expected <= stale
        assert ("features:made/with-neighbours" in stale) == (edited == "features.py"), checkout.dry_run(
            folder, *CONFIG
        )[1]
        path.write_text(text)
    path = folder / "my_ideas/sage.yaml"
    path.write_text(path.read_text().replace("Number of layers.", "How many layers there are."))
    assert checkout.stale(folder, *CONFIG) == set()
    (folder / "my_ideas").rename(folder / "elsewhere_too")
    code, output = checkout.dry_run(folder, *CONFIG)
    assert code == 1
    assert "config/mine.yaml: extensions: no folder my_ideas; correct the path" in output
