"""The jobs of a plan, upstream first: what each reads, makes and depends on.

A job stands for a rule with its wildcards. Its recipe (recipes.py) is made from what is listed here.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from graincast.experiment.find_model import find
from graincast.features.feature import BOUNDARY_LENGTH
from graincast.files.digest import digest
from graincast.microstructure import BadInput
from graincast.planning.plan import SIMULATOR_FILE, Plan
from graincast.planning.sources import module
from graincast.program.recipe import note_of, read_made_from
from graincast.raw.reading import shaping
from graincast.raw.sources import SOURCES

NODES, SHELLS = "graincast/features/nodes.py", "graincast/features/shells.py"
COARSE = "graincast/features/coarse_growth.py"
EDGES, SOURCE_TABLE = "graincast/features/edges.py", "graincast/raw/sources.py"
METRICS = "graincast/evaluation/metrics.py"
"""Sources that hold a table, of which a job uses some entries."""
REPORT_TEMPLATES = [f"graincast/report/templates/{name}" for name in ("page.html", "page.css")]


@dataclass(frozen=True)
class Job:
    """A rule with its wildcards.

    parameters  what shapes the outputs, in the words of the configuration
    inputs      paths by the rule's names of them
    outputs     paths of files and folders; `made_from` lies beside the first
    programs    source files that the job runs, without what they import
    entries     those of a source's tables that the job uses, by source; of a source not named here, all
    notes       made_from files of inputs that another configuration's jobs may have made, by path
    """

    rule: str
    wildcards: dict[str, str]
    parameters: dict
    inputs: dict[str, list[str]]
    outputs: list[str]
    programs: list[str] = field(default_factory=list)
    notes: dict[str, str] = field(default_factory=dict)
    entries: dict[str, list[str]] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """The rule and the wildcards' values: train/sgc/all."""
        return "/".join([self.rule, *self.wildcards.values()])

    @property
    def recipe(self) -> str:
        """The path of the job's recipe."""
        return f"results/recipes/{self.name}.json"

    @property
    def benchmark(self) -> str:
        """The path of the job's benchmark, whose time Snakemake counts among those of the outputs."""
        return f"results/benchmarks/{self.name}.jsonl"

    @property
    def made_from(self) -> str:
        """The path of the note about what the outputs were made from."""
        return note_of(self.outputs[0])


def jobs(plan: Plan, compared: list[str], ceilings: Sequence[str] = ()) -> list[Job]:
    """All jobs of a plan, each after those whose outputs it reads.

    compared  test metrics of the experiments to compare, other configurations' included
    ceilings  noise ceilings of data sets, other configurations' included
    """
    found = [*_data(plan), *_features(plan)]
    for experiment in sorted(plan.experiments, key=lambda one: bool(plan.stacked(one))):
        known = {job.name for job in found}
        found += (job for job in _stacked(plan, experiment) if job.name not in known)
        found += _experiment(plan, experiment)
    notes = {path: note_of(metrics) for metrics in compared for path in (metrics, predictions_beside(metrics))}
    table, programs = ["results/comparison.csv", "results/leaderboard.csv"], ["scripts/compare.py"]
    inputs = {"metrics": compared, "predictions": [predictions_beside(path) for path in compared]}
    inputs["ceilings"] = sorted({*plan.ceilings(), *ceilings})
    notes |= {path: note_of(path) for path in inputs["ceilings"]}
    found.append(Job("compare", {}, {"reference": plan.config["reference"]}, inputs, table, programs, notes))
    figures, programs = plan.comparison_figures(), ["scripts/comparison_figure.py"]
    found.append(Job("comparison_figure", {}, {}, {"comparison": table[:1]}, figures, programs))
    found += [*_predictions(plan), _report(plan, inputs, notes, table[:1])]
    return found


def finished(experiments: Path) -> list[str]:
    """The test metrics of experiments in a folder of results, of those that have a note of what they were made from."""
    paths = [path.as_posix() for path in experiments.glob("*/test_metrics.json")]
    return [path for path in paths if _noted(path)]


def finished_ceilings(datasets: Path) -> list[str]:
    """The noise ceilings in a folder of results, of those that have a note of what they were made from."""
    return [path.as_posix() for path in sorted(datasets.glob("*/ceiling.json")) if _noted(path.as_posix())]


def predictions_beside(metrics: str) -> str:
    """The predictions of the experiment that has these test metrics."""
    return Path(metrics).with_name("predictions.csv").as_posix()


def _noted(path: str) -> bool:
    try:
        return path in read_made_from(note_of(path))["outputs"]
    except (BadInput, OSError):
        return False


def _report(plan: Plan, compared: dict[str, list[str]], notes: dict[str, str], table: list[str]) -> Job:
    """On demand only. It shows other configurations' experiments too, and reads what else lies beside their results."""
    data = [(f"results/datasets/{name}/summary.csv", f"results/datasets/{name}/rejected.csv") for name in plan.grains]
    inputs = {
        "comparison": table,
        **compared,
        "tables": [path for paths in data for path in paths],
        "graphs": [path for name in plan.grains for path in plan.graph_shards(name)],
    }
    # what an experiment is said to be stands in its configuration only
    parameters = {"descriptions": {name: one["description"] for name, one in plan.experiments.items()}}
    return Job(
        "report", {}, parameters, inputs, ["results/report.html"], ["scripts/report.py", *REPORT_TEMPLATES], notes
    )


def _predictions(plan: Plan) -> Iterator[Job]:
    """On demand only. The model is no input, so that nothing is trained for it, but its content counts."""
    for name, prediction in plan.predictions.items():
        parameters = {"reading": shaping(prediction), "threshold": prediction["threshold"]}
        parameters["model"] = _digest_of_model(prediction["model"])
        inputs = {"manifest": [plan.prediction_manifest(name)]}
        programs = ["scripts/predict.py", SIMULATOR_FILE, module("raw", SOURCES[prediction["source"]].reader)]
        source = {SOURCE_TABLE: [prediction["source"]]}
        folder = [f"results/predictions/{name}"]
        yield Job("predict", {"prediction": name}, parameters, inputs, folder, programs, entries=source)


def _digest_of_model(model: str) -> str | None:
    """The digest of a trained model's content; None where there is none yet, which the step itself reports."""
    try:
        return digest(find(model))
    except (BadInput, OSError):
        return None


def _data(plan: Plan) -> Iterator[Job]:
    for dataset in sorted(plan.datasets, key=plan.regrown.__contains__):  # after those that they regrow
        folder = f"results/datasets/{dataset}"
        if dataset in plan.simulated:
            for block in plan.blocks(dataset):
                wildcards, parameters = {"dataset": dataset, "block": block}, plan.initialisation(dataset, block)
                made = plan.block_files(dataset, block)
                yield Job("initialise", wildcards, parameters, {}, made, ["scripts/initialise.py"])
        if dataset in plan.grains:
            for shard in plan.shards(dataset):
                yield from _shard(plan, dataset, shard)
        used = {one["split"] for one in plan.experiments.values() if one["dataset"] == dataset}
        for split in sorted(used):
            inputs = {"names": plan.name_lists(dataset), "table": plan.split_table(split)}
            output = f"{folder}/splits/{split}.csv"
            wildcards = {"dataset": dataset, "split": split}
            yield Job("split", wildcards, plan.split_settings(split), inputs, [output], ["scripts/split.py"])
        if dataset in plan.grains:
            inputs = {"graphs": plan.graph_shards(dataset), "rejected": plan.rejected_tables(dataset)}
            tables = [f"{folder}/summary.csv", f"{folder}/rejected.csv"]
            own = {"dataset": dataset}
            with_splits = {**inputs, "splits": plan.splits(dataset)}
            yield Job("summarise", own, {}, with_splits, tables, ["scripts/summarise.py"])
            if dataset in plan.ceiling_thresholds():
                parameters = {"thresholds": plan.ceiling_thresholds()[dataset]}
                drawn = [f"{folder}/ceiling.json", f"{folder}/ceiling.png"]
                yield Job("ceiling", own, parameters, {"summary": tables[:1]}, drawn, ["scripts/ceiling.py"])
            limit = {"max_rejected": plan.datasets[dataset]["max_rejected"]}
            listed = {"summary": tables[:1], "rejected": tables[1:]}
            programs = ["scripts/check_rejected.py"]
            yield Job("check_rejected", own, limit, listed, [f"{folder}/checked.json"], programs)
            graphs = {"graphs": inputs["graphs"]}
            yield Job("export", own, {}, graphs, [f"{folder}/deepspparks-json"], ["scripts/export.py"])


def _shard(plan: Plan, dataset: str, shard: str) -> Iterator[Job]:
    wildcards = {"dataset": dataset, "shard": shard}
    manifest = plan.manifest(dataset, shard)
    settings = plan.datasets[dataset]
    runs: list[str] = []
    source = {SOURCE_TABLE: [settings["source"]]}
    if dataset in plan.regrown:
        runs = [plan.run_folder(dataset, shard)]
        states = {"graphs": plan.graphs_to_regrow(dataset, shard)}
        programs = ["scripts/regrow.py"]
        parameters = {"regrow": plan.regrowth(dataset)}
        yield Job("regrow", wildcards, parameters, states, [manifest, *runs], programs, entries=source)
    if dataset in plan.simulated:
        runs = [plan.run_folder(dataset, shard)]
        made = plan.initial_states(dataset, shard)
        states = {"shares": made[:1], "initial": made[1:]}
        programs = ["scripts/simulate.py"]
        parameters = plan.simulation(dataset, shard)
        yield Job("simulate", wildcards, parameters, states, [manifest, *runs], programs, entries=source)
    parameters = shaping(settings)
    graphs = f"results/datasets/{dataset}/graphs/{shard}"
    programs = ["scripts/graphs.py", module("raw", SOURCES[settings["source"]].reader)]
    outputs = [f"{graphs}.h5", f"{graphs}.rejected.csv"]
    inputs = {"manifest": [manifest], "runs": runs}
    yield Job("graphs", wildcards, parameters, inputs, outputs, programs, entries=source)


def _features(plan: Plan) -> Iterator[Job]:
    used = {
        (dataset, one["features"])
        for one in plan.experiments.values()
        for dataset in (one["dataset"], *one["also_train_on"])
    }
    config = plan.config
    done = set()
    for dataset, features in sorted(used):
        output = f"results/datasets/{dataset}/features/{features}.h5"
        if features in config["stacked_sets"]:  # after the experiments, see _stacked
            continue
        if dataset in plan.images:
            inputs = {"names": plan.name_lists(dataset), "rejected": []}
        else:
            inputs = {"graphs": plan.graph_shards(dataset), "rejected": plan.rejected_tables(dataset)}
        if features in config["feature_sets"]:
            columns = plan.feature_set(features)
            wildcards = {"dataset": dataset, "features": features}
            programs = ["scripts/features.py", *plan.feature_sources([*columns["nodes"], *columns["edges"]])]
            entries = dict.fromkeys((NODES, SHELLS, COARSE), columns["nodes"]) | {EDGES: columns["edges"]}
            yield Job("features", wildcards, columns, inputs, [output], programs, entries=entries)
        elif features in config["encoded_sets"]:
            encoded = config["encoded_sets"][features]
            codes = plan.codes(dataset, features)
            for job in _encoder(plan, dataset, encoded, codes):
                if job.name not in done:
                    done.add(job.name)
                    yield job
            columns = {"columns": encoded["columns"]}
            wildcards = {"dataset": dataset, "encoded": features}
            with_codes = {**inputs, "codes": [codes]}
            programs = ["scripts/encoded_features.py", *plan.feature_sources(encoded["columns"])]
            entries = dict.fromkeys((NODES, SHELLS, COARSE), encoded["columns"]) | {EDGES: [BOUNDARY_LENGTH]}
            yield Job("encoded_features", wildcards, columns, with_codes, [output], programs, entries=entries)
        else:
            if dataset not in plan.images:
                inputs = {"names": inputs["graphs"], "rejected": inputs["rejected"]}
            settings = plan.vision_settings(features)
            if dataset in plan.images:  # the only step that rejects images
                settings["max_rejected"] = plan.datasets[dataset]["max_rejected"]
            wildcards = {"dataset": dataset, "vision": features}
            yield Job("vision_features", wildcards, settings, inputs, [output], ["scripts/vision_features.py"])


def _encoder(plan: Plan, dataset: str, encoded: dict, codes: str) -> Iterator[Job]:
    name = encoded["encoder"]
    folder = f"results/datasets/{dataset}/encoders/{name}"
    wildcards = {"dataset": dataset, "encoder": name}
    settings = plan.config["encoders"][name]
    method = module("encoders", settings["method"])
    graphs = {"graphs": plan.graph_shards(dataset)}
    files = [f"{folder}/{file}" for file in ("encoder.h5", "errors.csv", "history.csv", "samples.h5")]
    yield Job("encoder", wildcards, settings, graphs, files, ["scripts/encoder.py", method])
    tables = {"errors": files[1:2], "history": files[2:3], "samples": files[3:]}
    yield Job("encoder_figures", wildcards, plan.figures, tables, [f"{folder}.figures"], ["scripts/encoder_figures.py"])
    components = {"components": str(encoded["components"])}
    inputs = {**graphs, "encoder": files[:1]}
    yield Job("encode", wildcards | components, {}, inputs, [codes], ["scripts/encode.py", method])


def _stacked(plan: Plan, experiment: str) -> Iterator[Job]:
    members = plan.stacked(experiment)
    if members:
        dataset, features = (plan.experiments[experiment][key] for key in ("dataset", "features"))
        programs = {"scripts/stacked_features.py": None}
        programs |= {source: None for name in members for source in plan.model_sources(name)}
        yield Job(
            "stacked_features",
            {"dataset": dataset, "stacked": features},
            {"experiments": members},
            plan.stacked_in(dataset, features),
            [plan.features(experiment)],
            list(programs),
            entries={SOURCE_TABLE: []},
        )


def _experiment(plan: Plan, experiment: str) -> Iterator[Job]:
    folder = f"results/experiments/{experiment}"
    settings = plan.experiments[experiment]
    model = plan.model_sources(experiment)
    data = {"features": [plan.features(experiment)], "split": [plan.split(experiment)]}
    data |= {"also": plan.also(experiment)} if plan.also(experiment) else {}
    context = plan.mlflow_context(experiment)
    own = {"experiment": experiment}
    for job in plan.training_jobs(experiment):
        job_folder = f"{folder}/trials/{job}"
        wildcards = own | {"job": job}
        trained = [f"{job_folder}/{file}" for file in ("trained.json", "history.h5", "models.h5", "validation.h5")]
        parameters = plan.training_job(experiment, job)
        if plan.searches(experiment):
            chooses, programs = {METRICS: [settings["select"]]}, ["scripts/study.py", *model]
            yield Job("study", wildcards, parameters, data, trained, programs, entries=chooses)
        else:
            yield Job("train", wildcards, parameters, data, trained, ["scripts/train.py", *model])
        inputs = {"trained": trained[:1], "validation": trained[3:]}
        measured = [f"{job_folder}/trials.json"]
        yield Job("measure", wildcards, {}, inputs, measured, ["scripts/measure.py"])
        inputs = {"trials": measured, "history": trained[1:2]}
        yield Job("log_trials", wildcards, context, inputs, [f"{job_folder}/sent.json"])
    trials = plan.trial_files(experiment, "trials.json")
    files = ("test_metrics.json", "trials.csv", "predictions.csv", "model.h5", "sources.zip")
    results = [f"{folder}/{file}" for file in files]
    members = plan.members(experiment)
    if members:
        parameters = {key: settings[key] for key in ("model", "select", "ensemble")}
        chooses = {METRICS: [settings["select"]]}  # an edit of any other metric trains nothing
        programs = ["scripts/members.py", *model]
        yield Job("members", own, parameters, {"trials": trials, **data}, members, programs, entries=chooses)
    inputs = {"trials": trials, "models": plan.trial_files(experiment, "models.h5"), "members": members, **data}
    parameters = {"model": settings["model"], "select": settings["select"], "raw": plan.raw_recipe(experiment)}
    # which packs readers, but reads no raw data
    yield Job("evaluate", own, parameters, inputs, results, ["scripts/evaluate.py", *model], entries={SOURCE_TABLE: []})
    inputs = {
        "trials": trials,
        "history": plan.trial_files(experiment, "history.h5"),
        "metrics": results[:1],
        "predictions": results[2:3],
    }
    yield Job("figures", own, plan.figures, inputs, [f"{folder}/figures"], ["scripts/figures.py"])
    inputs = {"metrics": results[:1], "trials": results[1:2], "model": results[3:4]}
    inputs["ceiling"] = plan.ceiling_of(experiment)
    yield Job("model_card", own, {}, inputs, [f"{folder}/MODEL_CARD.md"], ["scripts/model_card.py"])
    inputs = {
        "metrics": results[:1],
        "tables": results[1:3],
        "model": results[3:],
        "figures": [f"{folder}/figures"],
        "card": [f"{folder}/MODEL_CARD.md"],
        "trials": plan.trial_files(experiment, "sent.json"),
    }
    yield Job("log_experiment", own, context, inputs, [f"{folder}/sent.json"])
