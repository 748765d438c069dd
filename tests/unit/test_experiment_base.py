"""An experiment's `base`: what is merged, replaced and removed, and what its messages say about inherited keys."""

import pytest

from tests.configured import loaded, rejection

BASE = """
description: the base
dataset: sim
split: held-out
features: two
model: gat
target: {threshold: [8, 10], aggregate: max}
grid: {learning_rate: [0.1, 0.2], seed: [1]}
training: {epochs: 7, heads: 2, patience: 3}
fan_out: [seed]
"""
OTHERS = {"second": BASE}


def first(folder, text: str, **others: str) -> dict:
    return loaded(folder, None, text, OTHERS | others)["experiments"]["first"]


def test_a_file_with_only_a_base_is_that_base(tmp_path):
    alone = loaded(tmp_path, None, BASE)["experiments"]["first"]
    assert first(tmp_path, "base: second") == alone
    assert first(tmp_path, "base: null\n" + BASE) == alone


def test_mappings_are_merged_lists_and_scalars_replaced(tmp_path):
    one = first(tmp_path, "base: second\nsplit: folds\ntarget: {threshold: [3]}\ntraining: {heads: 1, hidden: 4}")
    assert (one["dataset"], one["split"]) == ("sim", "folds")
    assert (one["target"]["threshold"], one["target"]["aggregate"]) == ([3], "max")
    assert one["grid"]["learning_rate"] == [0.1, 0.2]
    assert {key: one["training"][key] for key in ("epochs", "heads", "patience", "hidden")} == {
        "epochs": 7,
        "heads": 1,
        "patience": 3,
        "hidden": 4,
    }


def test_null_removes_a_key_so_that_its_default_holds(tmp_path):
    one = first(tmp_path, "base: second\ntraining: {patience: null}\ngrid: null\nfan_out: null\ndescription: null")
    assert one["training"]["patience"] == 30
    assert one["grid"] == {"learning_rate": [0.01], "weight_decay": [0], "seed": [0]}
    assert (one["fan_out"], one["description"]) == ([], "")


def test_null_is_the_value_where_the_key_allows_it(tmp_path):
    clipped = BASE.replace("epochs: 7", "clip: 0.5, loss_grains: all")
    one = first(tmp_path, "base: second\ntraining: {clip: null, loss_grains: null}", second=clipped)
    assert (one["training"]["clip"], one["training"]["loss_grains"]) == (None, None)
    assert first(tmp_path, "base: second", second=clipped)["training"]["clip"] == 0.5
    subsets = BASE.replace("model: gat", "model: sgc").replace(
        "{learning_rate", "{feature_subsets: {min: 1}, learning_rate"
    )
    subsets = subsets[: subsets.index("training")]
    one = first(tmp_path, "base: second\ngrid: {feature_subsets: null}", second=subsets)
    assert one["grid"]["feature_subsets"] is None


def test_a_base_may_have_a_base(tmp_path):
    middle = "base: second\ntraining: {epochs: 9, heads: null}\nfan_out: null"
    one = first(tmp_path, "base: middle\ntraining: {patience: 5}\nfan_out: [learning_rate]", middle=middle)
    assert {key: one["training"][key] for key in ("epochs", "heads", "patience")} == {
        "epochs": 9,
        "heads": 4,
        "patience": 5,
    }
    assert one["fan_out"] == ["learning_rate"]
    assert first(tmp_path, "base: middle\ntraining: {heads: 3}", middle=middle)["training"]["heads"] == 3


def test_another_model_takes_what_it_knows_and_removes_the_rest(tmp_path):
    one = first(tmp_path, "base: second\nmodel: gin\ntraining: {heads: null}")
    assert one["model"] == "gin"
    assert one["training"]["epochs"] == 7
    assert "heads" not in one["training"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("base: second\nmodel: gin", "first.yaml: training.heads: no effect with model gin (it takes "),
        ("base: second\nmodel: gin", "; inherited from base second, `training: {heads: null}` removes it"),
        ("base: middle\nmodel: gin", "; inherited from base second, "),
        (
            "base: second\ntarget: {kind: growth-ratio}",
            "target.threshold: no effect with kind growth-ratio; it is for abnormal; "
            "inherited from base second, `target: {threshold: null}` removes it",
        ),
        ("base: misspelt", "did you mean 'epochs'? (known: "),
        ("base: misspelt", "; inherited from base misspelt, `training: {epoch: null}` removes it"),
        ("base: second\nmodel: sgc\ngrid: null\ntraining: null", "fan_out: 'seeds'"),
        ("base: elsewhere", "dataset: 'there' is not among the datasets of "),
    ],
)
def test_a_problem_with_an_inherited_key_names_the_base(tmp_path, text, expected):
    others = {
        "middle": "base: second\ntraining: {epochs: 9}",
        "misspelt": BASE.replace("epochs", "epoch"),
        "elsewhere": BASE.replace("dataset: sim", "dataset: there"),
        "second": BASE.replace("[seed]", "[seeds]") if "sgc" in text else BASE,
    }
    assert expected in rejection(tmp_path, None, text, others)


def test_a_required_key_cannot_be_removed_only_replaced(tmp_path):
    message = rejection(tmp_path, None, "base: second", {"second": BASE.replace("dataset: sim", "dataset: there")})
    assert message.endswith("(sim, raw); inherited from base second")


def test_a_problem_with_an_own_key_names_no_base(tmp_path):
    assert "inherited" not in rejection(tmp_path, None, "base: second\nfan_out: [heads]", OTHERS)
    assert "inherited" not in rejection(tmp_path, None, "base: second\ntraining: {epochs: 0}", OTHERS)


@pytest.mark.parametrize(
    ("others", "cycle"),
    [
        ({}, "first → first"),
        ({"second": "base: first"}, "first → second → first"),
        ({"second": "base: third", "third": "base: second"}, "first → second → third → second"),
    ],
)
def test_a_cycle_is_named(tmp_path, others, cycle):
    text = "base: second" if others else "base: first"
    assert f": base: a cycle, {cycle}; remove one of them" in rejection(tmp_path, None, text, others)


def test_a_missing_base_is_answered_with_the_nearest_name(tmp_path):
    folder = tmp_path / "experiments"
    expected = f"{folder}/first.yaml: base: no file {folder}/secnd.yaml; did you mean 'second'?"
    assert rejection(tmp_path, None, "base: secnd", OTHERS) == expected
    deeper = rejection(tmp_path, None, "base: third", {**OTHERS, "third": "base: firs"})
    assert deeper == f"{folder}/third.yaml: base: no file {folder}/firs.yaml"  # not those that lead there
    assert "base: 3 is not the name of an experiment" in rejection(tmp_path, None, "base: 3")
