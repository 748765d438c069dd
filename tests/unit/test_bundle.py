"""A bundled experiment: what lies in it, that it is the same each time, and what is refused."""

import hashlib
import json
import os
import re
import shutil
import zipfile
from pathlib import Path

import pytest

from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.planning import bundle
from graincast.planning.jobs import Job
from graincast.program.recipe import note_of

DATA, OWN = "results/datasets/d", "results/experiments/sgc"
RAW = f"{DATA}/raw/0000.json"
SETTINGS = {
    "experiments": {"sgc": {"dataset": "d"}},
    "datasets": {"d": {"source": "spparks", "path": "$RAW_DATA_ROOT/runs"}},
    "splits": {"s": {"method": "file", "path": "tables/s.csv"}},
    "extensions": ["mine"],
}
TRAINING = {"epochs": 3}
FIGURES = [f"{OWN}/figures/matrix.png", f"{OWN}/figures/below/table.csv"]
ARRAY = b"no array is bundled but the model's"


class MadeUp:
    """A folder of results as the workflow leaves it, with the steps of one experiment and a little of another."""

    def __init__(self, root: Path) -> None:
        self.root = root
        for path in (RAW, "results/splits/s.csv", f"{DATA}/raw/seen.json", f"{DATA}/rejected.csv"):
            self.put(path, path.encode())
        self.put(f"{OWN}/configuration.yaml", b"experiments: {}\n")
        self.put("results/experiments/other/test_metrics.json", b"{}")
        self.put("results/recipes/train/other/all.json", b"{}")
        self.put(f"{OWN}/trials/older/cost.json", b'{"commit": "000000"}')
        self.run()

    def put(self, path: str, content: bytes) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_bytes(content)

    def run(self) -> None:
        shard = {"dataset": "d", "shard": "0000"}
        self.step("simulate", shard, [], [f"{DATA}/runs/0000.json", f"{DATA}/runs/0000/stats.h5"])
        graphs = [f"{DATA}/graphs/0000.h5", f"{DATA}/graphs/0000.rejected.csv"]
        self.step("graphs", shard, [RAW, f"{DATA}/runs/0000.json"], graphs)
        self.step("split", {"dataset": "d", "split": "s"}, ["results/splits/s.csv"], [f"{DATA}/splits/s.csv"])
        self.step("features", {"dataset": "d", "features": "f"}, graphs, [f"{DATA}/features/f.h5"])
        data = [f"{DATA}/features/f.h5", f"{DATA}/splits/s.csv"]
        trained = [f"{OWN}/trials/all/{name}" for name in ("trained.json", "models.h5")]
        self.step("train", {"experiment": "sgc", "job": "all"}, data, trained, TRAINING)
        self.put(f"{OWN}/trials/all/cost.json", b'{"commit": "abc123, with changes", "host": "my-machine"}')
        results = [f"{OWN}/{name}" for name in ("test_metrics.json", *bundle.RESULTS)]
        self.step("evaluate", {"experiment": "sgc"}, [*trained, *data], results)
        self.put(f"{OWN}/cost.json", b'{"commit": "abc123", "host": "my-machine"}')
        self.step("model_card", {"experiment": "sgc"}, results[:1], [f"{OWN}/MODEL_CARD.md"])
        for path in [*FIGURES, f"{OWN}/figures/.snakemake_timestamp"]:
            self.put(path, path.encode())
        self.step("figures", {"experiment": "sgc"}, results[:1], [f"{OWN}/figures"])

    def step(self, rule: str, wildcards: dict, inputs: list[str], outputs: list[str], parameters: dict | None = None):
        """Make the outputs of a step, unless they are there, and note what they were made from."""
        for path in outputs:
            if not (self.root / path).exists():
                self.put(path, ARRAY if path.endswith(".h5") and "model.h5" not in path else path.encode())
        owners = {
            path: note.relative_to(self.root).as_posix() for note in self.notes() for path in read(note)["outputs"]
        }
        recipe = {
            "rule": rule,
            "wildcards": wildcards,
            "parameters": parameters or {},
            "outputs": outputs,
            "made_from": {path: owners[path] for path in inputs if path in owners},
            "raw": {path: digest(self.root / path) for path in inputs if path not in owners},
            "packages": {"numpy": "2.0"},
        }
        taken = {path: digest(self.root / path) for path in recipe["made_from"]}
        made = {path: digest(self.root / path) for path in outputs}
        note = {"recipe": recipe, "inputs": taken, "outputs": made}
        self.put(note_of(outputs[0]), json.dumps(note).encode())

    def notes(self) -> list[Path]:
        return sorted(self.root.rglob("*.made_from.json"))


def bundled(root: Path, out: Path, experiment: str = "sgc", training: dict = TRAINING, job: str = "all") -> Path:
    """Bundle an experiment of the results in a folder, as if its configuration had these settings."""
    wildcards = {"experiment": "sgc", "job": job}
    jobs = [Job("train", wildcards, training, {}, [f"{OWN}/trials/{job}/trained.json"])]
    bundle.write(experiment, root / "results", SETTINGS, jobs, out)
    return out


def read(path: Path) -> dict:
    return json.loads(path.read_bytes())


def content(path: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        assert names == sorted(set(names))
        return {name: archive.read(name) for name in names}


@pytest.fixture
def made_up(tmp_path) -> MadeUp:
    return MadeUp(tmp_path / "here")


def test_everything_is_listed_with_its_hash(made_up, tmp_path):
    found = content(bundled(made_up.root, tmp_path / "sgc.zip"))
    manifest = json.loads(found.pop("manifest.json"))
    assert manifest["sha256"] == {name: hashlib.sha256(found[name]).hexdigest() for name in found}
    assert manifest["commits"] == ["abc123", "abc123, with changes"]
    assert manifest["packages"] == {"numpy": ["2.0"]}


def test_the_results_are_there_as_they_are_and_the_way_back_to_raw_data(made_up, tmp_path):
    found = content(bundled(made_up.root, tmp_path / "sgc.zip"))
    own = [f"{OWN}/{name}" for name in ("test_metrics.json", "MODEL_CARD.md", "configuration.yaml", *bundle.RESULTS)]
    tables = [RAW, "results/splits/s.csv", f"{DATA}/splits/s.csv", f"{DATA}/runs/0000.json", f"{DATA}/rejected.csv"]
    tables += [f"{DATA}/graphs/0000.rejected.csv", f"{OWN}/trials/all/trained.json"]
    notes = [path.relative_to(made_up.root).as_posix() for path in made_up.notes()]
    for path in [*own, *FIGURES, *tables, *notes]:
        assert found[path] == (made_up.root / path).read_bytes()
    recipes = [json.loads(found[name]) for name in found if name.startswith("results/recipes/")]
    noted = [read(path)["recipe"] for path in made_up.notes()]
    assert sorted(map(json.dumps, recipes)) == sorted(map(json.dumps, noted))
    locks = {f"envs/{path.name}": path.read_bytes() for path in (bundle.ROOT / "envs").glob("*.lock")}
    assert locks and locks.items() <= found.items()
    others = {"README.md", "configuration.yaml", "manifest.json", *locks}
    others |= {name for name in found if name.startswith("results/recipes/")}
    assert set(found) == {*own, *FIGURES, *tables, *notes, *others}


def test_neither_raw_data_nor_the_machine_is_in_it(made_up, tmp_path):
    for name, text in content(bundled(made_up.root, tmp_path / "sgc.zip")).items():
        assert ARRAY not in text and b"my-machine" not in text and os.fsencode(tmp_path) not in text, name


def test_equal_results_give_equal_bytes(made_up, tmp_path):
    first = bundled(made_up.root, tmp_path / "first.zip").read_bytes()
    shutil.copytree(made_up.root, tmp_path / "copied")
    for path in (tmp_path / "copied").rglob("*"):
        os.utime(path, (10**9, 10**9))
        path.chmod(0o700)
    assert bundled(tmp_path / "copied", tmp_path / "second.zip").read_bytes() == first


def test_what_was_unpacked_is_bundled_again(made_up, tmp_path):
    first = bundled(made_up.root, tmp_path / "first.zip")
    with zipfile.ZipFile(first) as archive:
        archive.extractall(tmp_path / "unpacked")
    again = content(bundled(tmp_path / "unpacked", tmp_path / "again.zip"))
    differing = {name for name, text in content(first).items() if again.get(name) != text}
    assert differing <= {"README.md", "manifest.json"}, "the commits are in cost.json, which names the machine"


def test_the_page_says_what_is_needed_from_elsewhere(made_up, tmp_path):
    page = content(bundled(made_up.root, tmp_path / "sgc.zip"))["README.md"].decode()
    for said in ("$RAW_DATA_ROOT/runs", "tables/s.csv", "results/splits/s.csv", "`mine`", "abc123, with changes"):
        assert said in page, said
    assert "make run CONFIG=bundled/configuration.yaml" in page
    assert "git checkout" not in page, "there are two states of the sources"


def test_the_page_names_the_commit_to_check_out(made_up, tmp_path):
    shutil.copy(made_up.root / OWN / "cost.json", made_up.root / OWN / "trials/all/cost.json")
    page = content(bundled(made_up.root, tmp_path / "sgc.zip"))["README.md"].decode()
    assert "git checkout abc123\n" in page and "with changes" not in page.lower()


@pytest.mark.parametrize(
    ("name", "said"), [("scg", "did you mean sgc?"), ("zzz", "there: other, sgc"), ("../experiments/sgc", "no such")]
)
def test_a_name_that_is_not_there(made_up, tmp_path, name, said):
    with pytest.raises(BadInput, match=re.escape(said)):
        bundled(made_up.root, tmp_path / "out.zip", name)


@pytest.mark.parametrize("name", [*bundle.STEPS, *bundle.RESULTS, bundle.CONFIGURATION])
def test_an_unfinished_experiment_is_refused(made_up, tmp_path, name):
    (made_up.root / OWN / name).rename(tmp_path / "away")
    with pytest.raises(BadInput, match=f"sgc: not finished, .*{name} is missing"):
        bundled(made_up.root, tmp_path / "out.zip")


@pytest.mark.parametrize(
    "path",
    [f"{OWN}/predictions.csv", f"{OWN}/model.h5", FIGURES[1], RAW, "results/splits/s.csv", f"{DATA}/splits/s.csv"],
)
def test_what_has_changed_is_refused_and_an_earlier_bundle_kept(made_up, tmp_path, path):
    out = bundled(made_up.root, tmp_path / "out/sgc.zip")
    before = out.read_bytes()
    made_up.put(path, b"edited")
    with pytest.raises(BadInput, match="changed since the results were made"):
        bundled(made_up.root, out)
    assert out.read_bytes() == before and list(out.parent.iterdir()) == [out]


def test_what_changes_while_it_is_packed_is_refused(tmp_path):
    with pytest.raises(BadInput, match="changed while it was packed"):
        bundle.pack({"a.csv": b"later"}, {"a.csv": hashlib.sha256(b"earlier").hexdigest()}, tmp_path / "out.zip")
    assert not list(tmp_path.iterdir())


def test_results_of_earlier_inputs_are_refused(made_up, tmp_path):
    features = {"dataset": "d", "features": "f"}
    made_up.put(f"{DATA}/features/f.h5", b"made anew")
    made_up.step("features", features, [f"{DATA}/graphs/0000.h5"], [f"{DATA}/features/f.h5"])
    with pytest.raises(BadInput, match=r"features/f\.h5: made again since (train|evaluate) has read it"):
        bundled(made_up.root, tmp_path / "out.zip")


def test_a_step_without_its_note_is_refused(made_up, tmp_path):
    (made_up.root / note_of(f"{DATA}/graphs/0000.h5")).unlink()
    with pytest.raises(BadInput, match=r"graphs/0000\.h5\.made_from\.json: missing"):
        bundled(made_up.root, tmp_path / "out.zip")


def test_a_configuration_of_other_settings_is_refused(made_up, tmp_path):
    with pytest.raises(BadInput, match=r"not what train/sgc/all was made from: epochs 3 → 4"):
        bundled(made_up.root, tmp_path / "out.zip", training={"epochs": 4})
    with pytest.raises(BadInput, match="other training jobs"):
        bundled(made_up.root, tmp_path / "out.zip", job="t2")
