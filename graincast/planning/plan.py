"""The plan of a configuration: which files each rule reads and writes, and the parameters that shape them.

Pure functions of the checked configuration and the declarations: nothing else is read from disk, and all paths are
relative to the working directory. Names of files never contain an experiment's name before the experiment stage, so
experiments share them.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path

from graincast.experiment import declaration, grid, splits
from graincast.experiment.targets import ABNORMAL, CANDIDATE, GROWTH_RATIO, LABEL
from graincast.features.coarse_growth import COARSE_FEATURES, SIMULATOR
from graincast.features.edges import EDGE_FEATURES
from graincast.features.nodes import NODE_FEATURES
from graincast.files.declaration import chain
from graincast.files.expansion import expand
from graincast.planning.sources import module, of_path
from graincast.potts.batches import batches, block_of, blocks
from graincast.program import extensions
from graincast.raw.manifest import shard_names
from graincast.raw.reading import shaping
from graincast.raw.sources import GROWTH_KEYS, SOURCES

PROJECT = Path(__file__).parents[2]


SIMULATOR_FILE = module(*SIMULATOR.split(".")[1:])
FEATURE_THREADS = 8
"""Microstructures whose growth is simulated at once, for a feature set."""
OF_BATCHES = ("microstructures", "batch", "balance")
"""Keys of a simulation that say how many states there are and which are in a batch, and change none of them."""
OF_INITIAL_STATES = ("size", "red_fraction", "initial")
NONE: dict[str, object] = {"ensemble": 1, "search": None, "also_train_on": []}
"""Keys of an experiment that have no effect, with the value that says so."""


class Plan:
    """The files and parameters of a configuration that `graincast.configuration.load` has checked."""

    def __init__(self, config: dict) -> None:
        self.config = config
        self.extensions = [expand(path, "extensions") for path in config["extensions"]]
        self.experiments: dict[str, dict] = config["experiments"]
        used = {experiment["dataset"] for experiment in self.experiments.values()}
        used |= {name for experiment in self.experiments.values() for name in experiment["also_train_on"]}
        used |= {config["datasets"][name]["from"] for name in used if "from" in config["datasets"][name]}
        self.datasets: dict[str, dict] = {name: config["datasets"][name] for name in sorted(used)}
        of = {name: SOURCES[dataset["source"]] for name, dataset in self.datasets.items()}
        self.regrown = [name for name, dataset in self.datasets.items() if "from" in dataset]
        self.made_here = [name for name, source in of.items() if source.runs is None]
        self.simulated = [name for name in self.made_here if name not in self.regrown]
        self.images = [name for name, source in of.items() if not source.reader]
        self.grains = [name for name in self.datasets if name not in self.images]
        features = {experiment["features"] for experiment in self.experiments.values()}
        self.vision = sorted(features & set(config["vision_sets"]))
        self.figures: dict[str, list] = config["figures"]
        self.predictions: dict[str, dict] = config["predictions"]
        # asked for by every job, so worked out once
        self._batches = {name: self._batches_of(name) for name in self.simulated}
        self._blocks = {name: self._blocks_of(name) for name in self.simulated}
        self._training_jobs = {name: self._training_jobs_of(name) for name in self.experiments}

    # ---- Files of the data stages

    def shards(self, dataset: str) -> list[str]:
        """Names of a data set's shards; of a simulated one its batches, of a regrown one those that it regrows."""
        if dataset in self.simulated:
            return list(self._batches[dataset])
        if dataset in self.regrown:
            return self.shards(self.datasets[dataset]["from"])
        return shard_names(self.datasets[dataset]["shards"])

    def run_folder(self, dataset: str, shard: str) -> str:
        """The folder of the runs of a shard that are made here."""
        return f"results/datasets/{dataset}/runs/{shard}"

    def blocks(self, dataset: str) -> list[str]:
        """Names of the blocks of batches of a simulated data set; none where batches are not balanced."""
        return list(self._blocks[dataset])

    def initial_states(self, dataset: str, shard: str) -> list[str]:
        """Where the initial states of a batch are made: the files of its block; none if it makes its own."""
        balance = self.datasets[dataset]["simulate"]["balance"]
        return self.block_files(dataset, block_of(shard, balance)) if balance > 1 else []

    def block_files(self, dataset: str, block: str) -> list[str]:
        """The initial states of a block of batches: which batch takes which, and the folder of all."""
        return [f"results/datasets/{dataset}/initial/{block}{suffix}" for suffix in (".json", "")]

    def manifest_folder(self, dataset: str) -> str:
        """The folder of a data set's manifests: an output where they are made here, else written by the scan."""
        return f"results/datasets/{dataset}/{'runs' if dataset in self.made_here else 'raw'}"

    def graphs_to_regrow(self, dataset: str, shard: str) -> list[str]:
        """The shard of another data set whose microstructures a shard regrows."""
        return [f"results/datasets/{self.datasets[dataset]['from']}/graphs/{shard}.h5"]

    def manifest(self, dataset: str, shard: str) -> str:
        return f"{self.manifest_folder(dataset)}/{shard}.json"

    def graph_shards(self, dataset: str) -> list[str]:
        return [f"results/datasets/{dataset}/graphs/{shard}.h5" for shard in self.shards(dataset)]

    def rejected_tables(self, dataset: str) -> list[str]:
        return [path.removesuffix(".h5") + ".rejected.csv" for path in self.graph_shards(dataset)]

    def name_lists(self, dataset: str) -> list[str]:
        """The files that list a data set's microstructures, or its images."""
        if dataset in self.images:
            return [self.manifest(dataset, shard) for shard in self.shards(dataset)]
        return self.graph_shards(dataset)

    def split_table(self, split: str) -> list[str]:
        """The copy of a split that is given as a file; none for other methods."""
        return [f"results/splits/{split}.csv"] if self.config["splits"][split]["method"] == "file" else []

    def splits(self, dataset: str) -> list[str]:
        """The splits that the experiments make of a data set."""
        used = {one["split"] for one in self.experiments.values() if one["dataset"] == dataset}
        return [f"results/datasets/{dataset}/splits/{name}.csv" for name in sorted(used)]

    def codes(self, dataset: str, encoded_set: str) -> str:
        """The codes that a feature set of learned features takes."""
        encoded = self.config["encoded_sets"][encoded_set]
        return f"results/datasets/{dataset}/codes/{encoded['encoder']}-{encoded['components']}.h5"

    def comparison_figures(self) -> list[str]:
        """The figure of all experiments side by side, in each format."""
        return [f"results/comparison.{form}" for form in self.figures["formats"]]

    def encoder_figures(self) -> list[str]:
        """The figures of all encoders that experiments use."""
        used = {
            (experiment["dataset"], self.config["encoded_sets"][experiment["features"]]["encoder"])
            for experiment in self.experiments.values()
            if experiment["features"] in self.config["encoded_sets"]
        }
        return [f"results/datasets/{dataset}/encoders/{encoder}.figures" for dataset, encoder in sorted(used)]

    def prediction_manifest(self, prediction: str) -> str:
        """The manifest of a prediction's raw data, written by the scan."""
        return f"results/predictions/{prediction}.raw/0000.json"

    def ceiling_thresholds(self) -> dict[str, list[float]]:
        """The data sets with a noise ceiling, and the thresholds of the experiments on their candidates' growth."""
        found: dict[str, set[float]] = {}
        for one in self.experiments.values():
            if one["target"]["kind"] in (ABNORMAL, GROWTH_RATIO) and one["target"]["grains"] == CANDIDATE:
                thresholds = one["target"]["threshold"] if one["target"]["kind"] == ABNORMAL else []
                found.setdefault(one["dataset"], set()).update(thresholds)
        return {dataset: sorted(found[dataset]) for dataset in self.grains if dataset in found}

    def ceilings(self) -> list[str]:
        return [f"results/datasets/{dataset}/ceiling.json" for dataset in self.ceiling_thresholds()]

    # ---- Files of experiments

    def stacked(self, experiment: str) -> list[str]:
        """The experiments that an experiment stacks; none if it is no stack."""
        chosen = self.config["stacked_sets"].get(self.experiments[experiment]["features"])
        return chosen["experiments"] if chosen else []

    def stacked_in(self, dataset: str, stacked_set: str) -> dict[str, list[str]]:
        """The trained models and features of the experiments of a stacked set, and their split."""
        members = self.config["stacked_sets"][stacked_set]["experiments"]
        return {
            "models": [f"results/experiments/{name}/model.h5" for name in members],
            "features": [self.features(name) for name in members],
            "split": [self.split(members[0])],
        }

    def features(self, experiment: str) -> str:
        one = self.experiments[experiment]
        return f"results/datasets/{one['dataset']}/features/{one['features']}.h5"

    def also(self, experiment: str) -> list[str]:
        """The features of the data sets that are added to an experiment's training data."""
        one = self.experiments[experiment]
        return [f"results/datasets/{name}/features/{one['features']}.h5" for name in one["also_train_on"]]

    def split(self, experiment: str) -> str:
        one = self.experiments[experiment]
        return f"results/datasets/{one['dataset']}/splits/{one['split']}.csv"

    def trial_files(self, experiment: str, name: str) -> list[str]:
        """The file of this name of each of an experiment's training jobs."""
        return [f"results/experiments/{experiment}/trials/{job}/{name}" for job in self.training_jobs(experiment)]

    def members(self, experiment: str) -> list[str]:
        """The further members of an experiment's ensemble; none without one."""
        ensemble = self.experiments[experiment]["ensemble"] > 1
        return [f"results/experiments/{experiment}/members/members.h5"] if ensemble else []

    def ceiling_of(self, experiment: str) -> list[str]:
        """The noise ceiling of an experiment's data set; none where it has none."""
        dataset = self.experiments[experiment]["dataset"]
        return [path for path in self.ceilings() if path == f"results/datasets/{dataset}/ceiling.json"]

    def model_cards(self) -> list[str]:
        return [f"results/experiments/{name}/MODEL_CARD.md" for name in self.experiments]

    def test_metrics(self) -> list[str]:
        return [f"results/experiments/{name}/test_metrics.json" for name in self.experiments]

    def intermediate_files(self) -> list[str]:
        """Every file that the experiments' results are made from."""
        return sorted(set(self._intermediate_files()))

    # ---- Parameters of rules

    def initialisation(self, dataset: str, block: str) -> dict:
        """What the initial states of a block of batches depend on, and the states of each batch, by number."""
        simulate = self.datasets[dataset]["simulate"]
        return {
            "simulate": {key: simulate[key] for key in ("seed", *OF_INITIAL_STATES)},
            "batches": self._blocks[dataset][block],
        }

    def simulation(self, dataset: str, shard: str) -> dict:
        """What a batch of simulations depends on besides the initial states, where these are made before.

        How many states there are in other batches is not part of it.
        """
        simulate = _of_growth(self.datasets[dataset]["simulate"])
        made_before = OF_INITIAL_STATES if self._blocks[dataset] else ()
        settings = {key: value for key, value in simulate.items() if key not in (*OF_BATCHES, *made_before)}
        first, last = self._batches[dataset][shard]
        states = {"batch": shard} if made_before else {"states": {"first": first, "last": last}}
        return {"simulate": settings, **states}

    def regrowth(self, dataset: str) -> dict:
        """What the growth runs of a regrown data set depend on."""
        return _of_growth(self.datasets[dataset]["regrow"])

    def split_settings(self, split: str) -> dict:
        """What a split depends on: the keys of its method."""
        settings = self.config["splits"][split]
        return {key: settings[key] for key in ("method", *splits.METHOD_KEYS[settings["method"]])}

    def vision_settings(self, vision_set: str) -> dict:
        """What vision features depend on: a file of weights counts by its hash, not by its path."""
        settings = self.config["vision_sets"][vision_set]
        network = {key: value for key, value in settings["network"].items() if key != "path"}
        return {"crop": settings["crop"], "size": settings["size"], "network": network}

    def target(self, experiment: str) -> dict:
        """Target settings that affect training, except thresholds, which are an axis of the grid."""
        target = self.experiments[experiment]["target"]
        keys = ["kind"] if target["kind"] == LABEL else ["kind", "grains", "aggregate"]
        keys += ["fraction"] if target["aggregate"] == "fraction" else []
        keys += ["soft"] if target["soft"] else []
        return {key: target[key] for key in keys}

    def feature_set(self, features: str) -> dict[str, list[str]]:
        """The node and edge features of a set of plain features."""
        return self.config["feature_sets"][features]

    def feature_threads(self, features: str) -> int:
        """How many microstructures are measured at once: several where growth is simulated for each."""
        return FEATURE_THREADS if COARSE_FEATURES.keys() & self.feature_set(features)["nodes"] else 1

    def model_sources(self, experiment: str) -> list[str]:
        """The module of an experiment's model, and the declarations that it reads."""
        name = self.experiments[experiment]["model"]
        found = chain(name, declaration.folders(self.extensions))
        return [of_path(PROJECT, path) for path in (found[0].with_suffix(".py"), *found)]

    def feature_sources(self, names: Iterable[str]) -> list[str]:
        """The modules, loaded by name, that some of these features need: those of extensions, and the simulator."""
        wanted = set(names)
        simulator = [SIMULATOR_FILE] if wanted & COARSE_FEATURES.keys() else []
        if not wanted - {*NODE_FEATURES, *EDGE_FEATURES}:
            return simulator
        found = [folder / f"{extensions.FEATURES}.py" for folder in self.extensions]
        return [*simulator, *(of_path(PROJECT, path) for path in found if path.is_file())]

    def training_jobs(self, experiment: str) -> dict[str, dict]:
        """An experiment's training jobs: the part of the grid that each trains, or searches, by the job's name."""
        return self._training_jobs[experiment]

    def _training_jobs_of(self, experiment: str) -> dict[str, dict]:
        one = self.experiments[experiment]
        prefixes = declaration.read(one["model"], self.extensions).prefixes
        axes = {"threshold": one["target"]["threshold"], **one["grid"]}
        sizes = axes.pop(declaration.FEATURE_SUBSETS, None)
        if sizes:
            columns = self.config["feature_sets"][one["features"]]["nodes"]
            axes["feature_subset"] = grid.feature_subsets(columns, sizes["min"], sizes["max"])
        axes = {axis: axes[axis] for axis in prefixes if axes.get(axis)}
        if not one["search"]:
            return grid.jobs(axes, one["fan_out"], prefixes)
        thresholds = {axis: values for axis, values in axes.items() if axis == "threshold"}
        return {
            f"{grid.trial_name(point, prefixes)}_{fold}".removeprefix("_"): axes
            | {axis: [value] for axis, value in point.items()}
            for point in grid.points(thresholds)
            for fold in splits.fold_names(self.config["splits"][one["split"]])
        }

    def searches(self, experiment: str) -> bool:
        """Whether an experiment's training jobs are studies."""
        return self.experiments[experiment]["search"] is not None

    def training_job(self, experiment: str, job: str) -> dict:
        """What a training job depends on besides its data: model, target, its part of the grid, training settings."""
        one = self.experiments[experiment]
        of_study = {"search": one["search"], "select": one["select"], "fold": job.rpartition("_")[2]}
        return {
            "model": one["model"],
            "target": self.target(experiment),
            "grid": self.training_jobs(experiment)[job],
            "training": one["training"],
            **(of_study if one["search"] else {}),
        }

    def mlflow_context(self, experiment: str) -> dict:
        """Experiment metadata logged to MLflow, and how raw files become what its model takes."""
        one = self.experiments[experiment]
        found = {key: value for key, value in one.items() if key not in NONE or value != NONE[key]}
        found["target"] = {key: value for key, value in one["target"].items() if key != "soft" or value}
        return {**found, "raw": self.raw_recipe(experiment)}

    def raw_recipe(self, experiment: str) -> dict | None:
        """How a raw file becomes what an experiment's model takes; None if that needs more than the file."""
        one = self.experiments[experiment]
        features = self.config["feature_sets"].get(one["features"])
        if not features:
            return None
        return {"hops": self.datasets[one["dataset"]].get("hops"), **features, "reading": self.reading(one["dataset"])}

    def reading(self, dataset: str) -> dict:
        """How a data set's runs are read for predictions: its source and keys, without those of growth."""
        found = {key: value for key, value in shaping(self.datasets[dataset]).items() if key not in GROWTH_KEYS}
        return found | ({"source": "spparks"} if dataset in self.made_here else {})

    def _batches_of(self, dataset: str) -> dict[str, tuple[int, int]]:
        simulate = self.datasets[dataset]["simulate"]
        return batches(simulate["microstructures"], simulate["batch"])

    def _blocks_of(self, dataset: str) -> dict[str, dict[str, tuple[int, int]]]:
        balance = self.datasets[dataset]["simulate"]["balance"]
        return blocks(self._batches[dataset], balance) if balance > 1 else {}

    def _intermediate_files(self) -> Iterator[str]:
        for dataset in self.grains:
            yield from self.graph_shards(dataset)
            if dataset in self.made_here:
                yield from (self.manifest(dataset, shard) for shard in self.shards(dataset))
        for name, experiment in self.experiments.items():
            yield from (self.features(name), *self.also(name), self.split(name))
            if experiment["features"] in self.config["encoded_sets"]:
                encoder = self.config["encoded_sets"][experiment["features"]]["encoder"]
                yield self.codes(experiment["dataset"], experiment["features"])
                yield f"results/datasets/{experiment['dataset']}/encoders/{encoder}/encoder.h5"
            yield from self.trial_files(name, "trials.json")
            yield from self.members(name)
        yield from self.test_metrics()


def _of_growth(settings: dict) -> dict:
    """Settings of a simulation without `growth.coarsen` where it has no effect."""
    growth = {key: value for key, value in settings["growth"].items() if (key, value) != ("coarsen", 1)}
    return {**settings, "growth": growth}
