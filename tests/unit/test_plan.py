"""The plan and its jobs: who makes what from what, in which order, and what their recipes depend on."""

import json
import platform
from pathlib import Path

import pytest
import yaml

from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.experiment import splits
from graincast.planning import recipes
from graincast.planning.jobs import Job, jobs
from graincast.planning.plan import Plan
from tests.workflow import small

PROJECT = Path(__file__).parents[2]


def plan_of(folder: Path) -> Plan:
    small.write_configuration(folder)
    return Plan(load(read(folder / "small.yaml"), folder / "small.yaml"))


def jobs_of(plan: Plan) -> list[Job]:
    return jobs(plan, sorted(plan.test_metrics()))


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Plan:
    return plan_of(tmp_path_factory.mktemp("plan"))


@pytest.fixture(scope="module")
def planned(plan) -> list[Job]:
    return jobs_of(plan)


@pytest.mark.parametrize("split", [{"method": "fractions"}, {"method": "k-fold", "folds": 3, "repeats": 2}])
def test_a_search_has_a_study_for_each_threshold_and_fold_of_its_split(tmp_path, split):
    small.write_configuration(tmp_path)
    file, experiment = tmp_path / "small.yaml", tmp_path / "experiments/made.yaml"
    config, made = read(file), yaml.safe_load(experiment.read_text())
    made |= {"search": {"trials": 9}, "target": {"threshold": [2, 2.5]}, "split": "searched"}
    made["grid"] = {"learning_rate": {"from": 0.01, "to": 1}, "propagation_steps": [1, 2]}
    experiment.write_text(yaml.safe_dump(made))
    plan = Plan(load({**config, "splits": config["splits"] | {"searched": split}}, file))
    found = [job for job in jobs_of(plan) if job.rule in ("train", "study") and job.wildcards["experiment"] == "made"]
    settings = plan.config["splits"]["searched"]
    folds = list(splits.subsets_by_fold({str(group): str(group) for group in range(9)}, settings))
    assert splits.fold_names(settings) == folds
    assert [(job.rule, job.wildcards["job"]) for job in found] == [
        ("study", f"t{threshold}_{fold}") for threshold in ("2", "2.5") for fold in folds
    ]
    for job in found:
        threshold, _, fold = job.wildcards["job"][1:].partition("_")
        assert job.parameters["fold"] == fold and job.parameters["grid"]["threshold"] == [float(threshold)]
        assert job.parameters["grid"]["propagation_steps"] == [1, 2]
        assert job.parameters["search"] == {"trials": 9, "prune": False, "seed": 0}
    written = recipes.build(PROJECT, jobs_of(plan), {})
    with_optuna = {recipe["rule"] for recipe in written.values() if "optuna" in recipe["packages"]}
    assert with_optuna == {"study"} and "train/given/t2" in written


def inputs(job: Job) -> list[str]:
    return [path for paths in job.inputs.values() for path in paths]


def is_scanned(path: str) -> bool:
    """Whether a path is that of a manifest of raw data or of a split given as a file, which no job makes."""
    parts = path.split("/")
    return parts[1] == "splits" or parts[3:4] == ["raw"] or (parts[1] == "predictions" and parts[2].endswith(".raw"))


def strings(value: object):
    """Every string inside a value, keys included."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for key, item in value.items():
            yield from (*strings(key), *strings(item))
    elif isinstance(value, list | tuple):
        for item in value:
            yield from strings(item)


# ---- Paths


def test_every_input_is_an_earlier_output_or_scanned(planned):
    outputs: set[str] = set()
    scanned = set()
    for job in planned:
        for path in inputs(job):
            assert path.startswith("results/"), job.name
            if is_scanned(path):
                scanned.add(path)
            else:
                assert path in outputs, f"{job.name} reads {path}"
        outputs |= set(job.outputs)
    assert not scanned & outputs
    assert {f"results/datasets/given/raw/000{number}.json" for number in range(3)} | {
        f"results/datasets/images/raw/000{number}.json" for number in range(2)
    } | {"results/splits/table.csv", "results/predictions/sample.raw/0000.json"} == scanned


def test_no_output_belongs_to_two_jobs(planned):
    outputs = [path for job in planned for path in (*job.outputs, job.made_from, job.recipe)]
    assert len(outputs) == len(set(outputs))
    assert len({job.name for job in planned}) == len(planned)
    folders = [f"{path}/" for path in outputs]
    assert not [path for path in outputs for folder in folders if path.startswith(folder)]


def test_every_rule_of_the_small_configuration_is_planned(planned):
    rules = {job.rule for job in planned}
    assert rules >= {"simulate", "graphs", "split", "features", "encoder", "encode", "vision_features", "train"}
    assert rules >= {
        "measure",
        "log_trials",
        "evaluate",
        "figures",
        "model_card",
        "log_experiment",
        "compare",
        "comparison_figure",
    }
    assert all((PROJECT / program).is_file() for job in planned for program in job.programs)


@pytest.mark.parametrize("place", ["paths", "recipes"])
def test_nothing_of_the_data_stages_contains_the_name_of_an_experiment(tmp_path, place):
    """Experiments are renamed, as the small configuration also uses their names for data sets."""
    small.write_configuration(tmp_path)
    config = yaml.safe_load((tmp_path / "small.yaml").read_text())
    for name in config["experiments"]:
        (tmp_path / f"experiments/{name}.yaml").rename(tmp_path / f"experiments/experiment-{name}.yaml")
    config["experiments"] = [f"experiment-{name}" for name in config["experiments"]]
    (tmp_path / "small.yaml").write_text(yaml.safe_dump(config))
    plan = Plan(load(read(tmp_path / "small.yaml"), tmp_path / "small.yaml"))
    planned = jobs_of(plan)
    assert sum("experiment-made" in path for job in planned for path in job.outputs) > 5
    data_stage = [job for job in planned if job.outputs[0].startswith("results/datasets/")]
    assert len(data_stage) > 20
    built = recipes.build(PROJECT, planned, {})
    for job in data_stage:
        texts = [*job.outputs, *inputs(job), job.name] if place == "paths" else strings(built[job.name])
        assert not [text for text in texts if "experiment-" in text], job.name


def test_results_of_experiments_lie_in_their_own_folders(plan, planned):
    for job in planned:
        if "experiment" in job.wildcards:
            folder = f"results/experiments/{job.wildcards['experiment']}/"
            assert all(path.startswith(folder) for path in job.outputs), job.name
    made = {path for job in planned for path in job.outputs}
    assert set(plan.test_metrics()) <= made
    assert set(plan.intermediate_files()) <= made


# ---- Recipes


def test_a_recipe_names_nothing_of_the_machine(tmp_path, plan, planned):
    forbidden = [str(PROJECT), str(Path.home()), str(tmp_path.parent)]
    for name, recipe in recipes.build(PROJECT, planned, {}).items():
        assert json.loads(json.dumps(recipe, allow_nan=False)) == recipe, name
        for text in strings(recipe):
            assert not Path(text).is_absolute(), f"{name}: {text}"
            assert not any(word in text for word in forbidden), f"{name}: {text}"
            assert text != platform.node(), name


def test_a_recipe_knows_the_note_of_each_input_that_a_job_makes(planned):
    notes = {path: job.made_from for job in planned for path in job.outputs}
    for job, recipe in zip(planned, recipes.build(PROJECT, planned, {}).values(), strict=True):
        assert recipe["made_from"] == {path: notes[path] for path in inputs(job) if path in notes}
        assert set(recipe["raw"]) == {path for path in inputs(job) if is_scanned(path)}
        assert set(job.programs) <= set(recipe["sources"])


def test_the_shell_command_of_a_rule_is_part_of_its_recipes_alone(planned):
    plain = recipes.build(PROJECT, planned, {})
    with_shell = recipes.build(PROJECT, planned, {"train": "python -m scripts.train"})
    changed = {name for name in plain if plain[name] != with_shell[name]}
    assert changed == {job.name for job in planned if job.rule == "train"}


def test_experiments_that_differ_in_their_description_share_the_data_stages(tmp_path):
    def built(description: str, name: str) -> dict[str, dict]:
        folder = tmp_path / name
        small.write_configuration(folder)
        file = folder / "experiments/tabled.yaml"
        file.write_text(f"{file.read_text()}description: {description}\n")
        second = folder / "experiments/second.yaml"
        second.write_text(file.read_text().replace(description, "another text"))
        config = yaml.safe_load((folder / "small.yaml").read_text())
        config["experiments"].append("second")
        (folder / "small.yaml").write_text(yaml.safe_dump(config))
        plan = Plan(load(read(folder / "small.yaml"), folder / "small.yaml"))
        return recipes.build(PROJECT, jobs_of(plan), {})

    first, other = built("one text", "first"), built("a longer text", "other")
    assert first.keys() == other.keys()
    changed = {name for name in first if first[name] != other[name]}
    assert changed == {"log_trials/tabled/all", "log_experiment/tabled", "report"}
    alone = recipes.build(PROJECT, jobs_of(plan_of(tmp_path / "alone")), {})
    added = first.keys() - alone.keys()
    assert added and all(first[name]["wildcards"]["experiment"] == "second" for name in added)
    assert {name for name in alone if alone[name] != first[name]} == {*changed, "compare"}


def test_training_parameters_do_not_name_the_experiment(plan, planned):
    (training,) = [job for job in planned if job.name == "train/tabled/all"]
    assert training.parameters == plan.training_job("tabled", "all")
    assert "tabled" not in strings(training.parameters)
