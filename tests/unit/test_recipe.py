"""Recipes as programs see them: parameters, verified inputs, guarded outputs and the note of what was made."""

import hashlib
import json
from pathlib import Path

import pytest

from graincast.files import atomic
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.program import recipe as recipes
from graincast.program.main import parser, run
from graincast.program.recipe import Recipe, note_of
from tests.recipes import recipe

INPUTS = {"results/a.h5": b"first\0", "results/b.csv": b"x,y\n1,2\n", "results/c.json": b'{"z": 3}'}
FOLDER = "results/d"


@pytest.fixture(autouse=True)
def no_guard():
    """Leave the process without the guard and the digests of outputs that a recipe installs."""
    yield
    atomic.before_rename = None
    atomic.digests.clear()


@pytest.fixture
def project(tmp_path, monkeypatch) -> Path:
    """A working directory with the outputs of two earlier steps, their notes, and the recipe of a third."""
    monkeypatch.chdir(tmp_path)
    for path, content in INPUTS.items():
        Path(path).parent.mkdir(exist_ok=True)
        Path(path).write_bytes(content)
    (Path(FOLDER) / "below").mkdir(parents=True)
    (Path(FOLDER) / "below/e.txt").write_bytes(b"inside")
    notes = {"results/a.h5": "results/a.h5", "results/b.csv": "results/b.csv", "results/c.json": "results/b.csv"}
    notes[FOLDER] = FOLDER
    for first in set(notes.values()):
        outputs = {path: digest(Path(path)) for path, owner in notes.items() if owner == first}
        content = {"recipe": {}, "inputs": {}, "outputs": outputs}
        Path(note_of(first)).write_text(json.dumps(content))
    content = {
        "parameters": {"size": 3},
        "inputs": {"tables": list(INPUTS), "folder": [FOLDER]},
        "outputs": ["results/out.txt", "results/figures"],
        "made_from": {path: note_of(first) for path, first in notes.items()},
    }
    Path("recipe.json").write_text(json.dumps(content))
    return tmp_path


def flip_bit(path: str, position: int) -> None:
    content = bytearray(Path(path).read_bytes())
    content[position] ^= 1
    Path(path).write_bytes(content)


def write_outputs() -> None:
    atomic.write_text("results/out.txt", "result\n")
    with atomic.whole("results/figures") as folder:
        folder.mkdir()
        (folder / "one.png").write_bytes(b"picture")


# ---- Parameters


def test_take_gives_the_parameters(tmp_path):
    made = recipe(tmp_path / "recipe.json", model="sgc", select="nll")
    assert made.take("model", optional=["select", "seed"]) == {"model": "sgc", "select": "nll"}


def test_take_names_a_missing_and_an_unknown_key(tmp_path):
    path = tmp_path / "recipe.json"
    made = recipe(path, model="sgc", select="nll")
    with pytest.raises(BadInput) as missing:
        made.take("model", "target", optional=["select"])
    assert str(missing.value).startswith(f"{path}: the parameters lack target ")
    assert "model, target, select" in str(missing.value)
    with pytest.raises(BadInput) as unknown:
        made.take("model", optional=["seed"])
    assert str(unknown.value).startswith(f"{path}: the parameters have an unknown key select ")
    assert "model, seed" in str(unknown.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "3", "{}", '{"inputs": {}}', "\xff"])
def test_a_file_that_is_not_a_recipe_is_refused(tmp_path, text):
    path = tmp_path / "recipe.json"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match=r"recipe\.json: not a recipe"):
        Recipe(path)


# ---- Inputs


def test_intact_inputs_pass(project):
    expected = {path: hashlib.sha256(content).hexdigest() for path, content in INPUTS.items()}
    verified = Recipe("recipe.json").check_inputs()
    assert verified == expected | {FOLDER: digest(Path(FOLDER))}
    assert Recipe("recipe.json").check_inputs() == verified
    assert Recipe("recipe.json").inputs == [*INPUTS, FOLDER]


@pytest.mark.parametrize("position", [0, -1])
@pytest.mark.parametrize("path", [*INPUTS, f"{FOLDER}/below/e.txt"])
def test_a_flipped_bit_is_found_and_the_note_removed(project, path, position):
    made = Recipe("recipe.json")
    made.check_inputs()
    flip_bit(path, position)
    damaged = path if path in INPUTS else FOLDER
    note = Path(made.content["made_from"][damaged])
    others = {Path(other) for other in made.content["made_from"].values()} - {note}
    with pytest.raises(BadInput, match=f"^{damaged}: damaged since it was made"):
        made.check_inputs()
    assert not note.exists()
    assert all(other.exists() for other in others)


def test_a_missing_note_and_one_that_lacks_an_input_are_named(project):
    note = Path(note_of("results/b.csv"))
    content = json.loads(note.read_text())
    del content["outputs"]["results/c.json"]
    note.write_text(json.dumps(content))
    with pytest.raises(BadInput, match=rf"^{note}: does not mention results/c\.json"):
        Recipe("recipe.json").check_inputs()
    note.unlink()
    with pytest.raises(BadInput, match=f"^{note}: missing"):
        Recipe("recipe.json").check_inputs()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"recipe": {}, "inputs": {}, "outputs": []}'])
def test_a_damaged_note_is_refused(tmp_path, text):
    (tmp_path / "note.json").write_text(text)
    with pytest.raises(BadInput, match=r"note\.json: damaged; remove it and run again"):
        recipes.read_made_from(tmp_path / "note.json")


# ---- Outputs


@pytest.mark.parametrize("change", ["edited", "removed"])
def test_outputs_are_refused_when_the_recipe_has_changed(project, change):
    made = Recipe("recipe.json")
    made.guard_outputs()
    write_outputs()
    path = Path("recipe.json")
    if change == "edited":
        path.write_text(path.read_text() + "\n")
    else:
        path.unlink()
    refused = pytest.raises(BadInput, match=r"^recipe\.json: changed while this step ran")
    with refused:
        atomic.write_text("results/out.txt", "new")
    assert Path("results/out.txt").read_text() == "result\n"
    with refused:
        made.note({})
    assert not Path(note_of("results/out.txt")).exists()
    assert not list(Path("results").glob(".*partial"))


def test_the_note_holds_the_digests_of_the_outputs(project):
    made = Recipe("recipe.json")
    inputs = made.check_inputs()
    made.guard_outputs()
    write_outputs()
    made.note(inputs)
    noted = recipes.read_made_from(note_of("results/out.txt"))
    assert noted["recipe"] == json.loads(Path("recipe.json").read_text())
    assert noted["inputs"] == inputs
    assert noted["outputs"] == {
        "results/out.txt": hashlib.sha256(Path("results/out.txt").read_bytes()).hexdigest(),
        "results/figures": digest(Path("results/figures")),
    }


def test_the_note_verifies_as_the_input_of_the_next_step(project):
    made = Recipe("recipe.json")
    write_outputs()
    made.note({})
    outputs = made.content["outputs"]
    following = {"parameters": {}, "made_from": dict.fromkeys(outputs, note_of(outputs[0]))}
    Path("next.json").write_text(json.dumps(following))
    assert Recipe("next.json").check_inputs().keys() == set(outputs)
    flip_bit("results/figures/one.png", 0)
    with pytest.raises(BadInput, match=r"^results/figures: damaged"):
        Recipe("next.json").check_inputs()


def test_a_recipe_by_hand_checks_and_notes_nothing(tmp_path):
    made = recipe(tmp_path / "recipe.json", size=3)
    before = sorted(tmp_path.rglob("*"))
    assert made.inputs == []
    assert made.check_inputs() == {}
    made.note({})
    assert sorted(tmp_path.rglob("*")) == before


# ---- A whole program


def arguments():
    program = parser("test", "A test.")
    recipes.add_argument(program, '{"size": 3}')
    return program


def test_a_program_with_a_recipe_notes_its_outputs_at_the_end(project):
    sizes = []

    def main(args):
        assert not Path(note_of("results/out.txt")).exists()
        sizes.append(args.recipe.take("size")["size"])
        write_outputs()

    run(main, arguments(), ["--recipe", "recipe.json"])
    assert sizes == [3]
    assert recipes.read_made_from(note_of("results/out.txt"))["inputs"].keys() == {*INPUTS, FOLDER}


def test_a_program_does_not_start_on_a_damaged_input(project, capsys):
    flip_bit("results/a.h5", 0)
    with pytest.raises(SystemExit) as end:
        run(lambda args: pytest.fail("it started"), arguments(), ["--recipe", "recipe.json"])
    assert end.value.code == 1
    assert "results/a.h5: damaged since it was made" in capsys.readouterr().err
