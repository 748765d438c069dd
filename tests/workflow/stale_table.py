"""What runs again when a key of the small configuration is edited, and names of its jobs in groups."""

# Jobs of the small configuration (conftest.py), each set with all that follows from it.
COMPARE = {"compare", "comparison_figure"}
NAMES = ("made", "given", "tabled", "attended", "pictured")
DRAWN = {
    "comparison_figure",
    "encoder_figures:given/tiny",
    *(f"{rule}:{name}" for rule in ("figures", "log_experiment") for name in NAMES),
}
AFTER_EVALUATE = ("figures", "model_card", "log_experiment")
EVALUATE = {name: {f"{rule}:{name}" for rule in ("evaluate", *AFTER_EVALUATE)} | COMPARE for name in NAMES}
ON = {"made": ("made",), "given": ("given", "tabled", "attended")}
"""The experiments on each data set with a noise ceiling, which stands in their cards."""


def training(experiment: str, *jobs: str) -> set[str]:
    """Training jobs, and what follows from each."""
    return {f"{rule}:{experiment}/{job}" for rule in ("train", "measure", "log_trials") for job in jobs}


def relogged(experiment: str, *jobs: str) -> set[str]:
    """What tells MLflow of an experiment."""
    return {f"log_trials:{experiment}/{job}" for job in jobs} | {f"log_experiment:{experiment}"}


TRAIN = {name: training(name, "all") | EVALUATE[name] for name in NAMES}
TRAIN["given"] = training("given", "t2", "t3") | EVALUATE["given"]
TRAIN["attended"] |= {"members:attended"}
CEILING = {
    name: {f"ceiling:{name}", *(f"{rule}:{one}" for rule in ("model_card", "log_experiment") for one in experiments)}
    | COMPARE
    for name, experiments in ON.items()
}
SUMMARISE = {name: {f"summarise:{name}", f"check_rejected:{name}"} | CEILING[name] for name in ("made", "given")}
ENCODED = {"encoded_features:given/codes"} | TRAIN["attended"]
ENCODE = {"encode:given/tiny/2"} | ENCODED
ENCODER = {"encoder:given/tiny", "encoder_figures:given/tiny"} | ENCODE
VISION = {"vision_features:images/random"} | TRAIN["pictured"]
ACCEPT = {"check_rejected:made", "check_rejected:given"}
FEATURES = {
    "made": {"features:made/plain"} | TRAIN["made"],
    "given": {"features:given/shape"} | TRAIN["given"] | TRAIN["tabled"],
}
SPLIT = {
    "held-out": {"split:made/held-out"} | SUMMARISE["made"] | TRAIN["made"],
    "held-out images": {"split:images/held-out"} | TRAIN["pictured"],
    "folds": {"split:given/folds"} | SUMMARISE["given"] | TRAIN["given"],
    "table": {"split:given/table"} | SUMMARISE["given"] | TRAIN["tabled"] | TRAIN["attended"],
}
AFTER_GRAPHS = {
    "made": SPLIT["held-out"] | FEATURES["made"],
    "given": SPLIT["folds"] | SPLIT["table"] | FEATURES["given"] | ENCODER,
}
GRAPHS = {
    "made": {"graphs:made/0000", "graphs:made/0001"} | AFTER_GRAPHS["made"],
    "given": {"graphs:given/0000", "graphs:given/0001", "graphs:given/0002"} | AFTER_GRAPHS["given"],
}
SIMULATE = {"simulate:made/0000", "simulate:made/0001"} | GRAPHS["made"]
INITIALISE = {"initialise:made/0000"} | SIMULATE
ADDED = {"initialise:made/0001", "simulate:made/0002", "graphs:made/0002"}
NOTHING: set[str] = set()


def every(stage: dict[str, set]) -> set[str]:
    return set().union(*stage.values())


ALL = INITIALISE | GRAPHS["given"] | SPLIT["held-out images"] | VISION
BOTH_HELD_OUT = SPLIT["held-out"] | SPLIT["held-out images"]

# key of the schema: (file, edits of it as {path: value}, what runs again)
SMALL, MADE, GIVEN, TABLED, ATTENDED, PICTURED = ("small", *(f"experiments/{name}" for name in NAMES))
SIM = "datasets.made.simulate"
EXTENSION = "own_models"
"""A folder beside the small configuration."""
MAPS = {"hops": 2, "shards": 2, "path": "results/datasets/made/runs/0000", "types": {"by": "fraction"}}
"""A data set of maps, whatever their source."""
SAME = ("dataset", "features", "model", "training")
SEARCHED = {"grid.learning_rate": {"from": 0.01, "to": 1, "log": True}, "search": {"trials": 12}}
STUDY = {f"{rule}:made/t2.5_all" for rule in ("study", "measure", "log_trials")} | EVALUATE["made"]
INHERITED = {"base": "given", **dict.fromkeys(SAME, ...), "grid": None, "fan_out": None}
READ = {"source": "spparks", "hops": 2, "shards": 2, "path": "results/datasets/made/runs/0000"}
"""Data that were simulated here, as raw data."""
AGAIN = {"source": "regrow", "from": "given", "hops": 2, "regrow": {}}
AFTER_REGROWTH = {f"{rule}:made/000{shard}" for rule in ("regrow", "graphs") for shard in range(3)} | AFTER_GRAPHS[
    "made"
]
KEYS = {
    "experiments": (
        SMALL,
        {"experiments": ["made", "tabled", "attended", "pictured"]},
        SUMMARISE["given"] - {"model_card:given", "log_experiment:given"},
    ),
    "datasets.source": (
        SMALL,
        {"datasets.made": READ},
        GRAPHS["made"],
    ),
    "datasets.path": (SMALL, {"datasets.given.path": "$RAW_DATA_ROOT/copy"}, NOTHING),
    "datasets.results": (SMALL, {"datasets.given.results": "/elsewhere/results"}, NOTHING),
    "datasets.shards": (SMALL, {"datasets.given.shards": 4}, {"graphs:given/0003"} | AFTER_GRAPHS["given"]),
    "datasets.hops": (SMALL, {"datasets.made.hops": 3}, GRAPHS["made"]),
    "datasets.time_steps": (SMALL, {"datasets.made.time_steps": "first-last"}, GRAPHS["made"]),
    "datasets.growth_runs": (SMALL, {"datasets.made.growth_runs": 1}, GRAPHS["made"]),
    "datasets.candidates": (SMALL, {"datasets.made.candidates": "largest"}, GRAPHS["made"]),
    "datasets.types.by": (SMALL, {"datasets.made.types.by": "fraction"}, GRAPHS["made"]),
    "datasets.types.column": (SMALL, {"datasets.made.types": {"by": "column", "column": "kind"}}, GRAPHS["made"]),
    "datasets.types.above": (SMALL, {"datasets.made.types": {"by": "misorientation", "above": 15}}, GRAPHS["made"]),
    "datasets.types.red": (SMALL, {"datasets.made.types": {"by": "fraction", "red": 0.5}}, GRAPHS["made"]),
    "datasets.types.seed": (SMALL, {"datasets.made.types": {"by": "fraction", "seed": 2}}, GRAPHS["made"]),
    "datasets.periodic": (SMALL, {"datasets.made": READ | {"periodic": [False, True]}}, GRAPHS["made"]),
    "datasets.spacing": (SMALL, {"datasets.made": READ | {"spacing": 0.5}}, GRAPHS["made"]),
    "datasets.from": (SMALL, {"datasets.made": AGAIN}, AFTER_REGROWTH),
    **{
        f"datasets.regrow.{key}": (SMALL, {"datasets.made": AGAIN | {"regrow": written}}, AFTER_REGROWTH)
        for key, written in {
            "seed": {"seed": 2},
            "mobility": {"mobility": "uniform"},
            "min_mobility": {"min_mobility": 0.01},
            "growth.temperature": {"growth": {"temperature": 0.8}},
            "growth.time": {"growth": {"time": 7000}},
            "growth.runs": {"growth": {"runs": 3}},
            "growth.coarsen": {"growth": {"coarsen": 2}},
            "growth.record": {"growth": {"record": 10}},
        }.items()
    },
    "datasets.grains": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "spparks-dump", "grains": "clusters"}},
        GRAPHS["made"],
    ),
    "datasets.start": (SMALL, {"datasets.made": {**MAPS, "source": "spparks-dump", "start": 5}}, GRAPHS["made"]),
    "datasets.slice": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "slice": {"axis": "z", "index": 1}}},
        GRAPHS["made"],
    ),
    "datasets.array": (SMALL, {"datasets.made": {**MAPS, "source": "label-image", "array": "a/b"}}, GRAPHS["made"]),
    "datasets.arrays.feature_ids": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "arrays": {"feature_ids": "a/b"}}},
        GRAPHS["made"],
    ),
    "datasets.arrays.orientations": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "arrays": {"orientations": "a/b"}}},
        GRAPHS["made"],
    ),
    "datasets.arrays.phases": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "arrays": {"phases": "a/b"}}},
        GRAPHS["made"],
    ),
    "datasets.arrays.crystal_structures": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "arrays": {"crystal_structures": "a/b"}}},
        GRAPHS["made"],
    ),
    "datasets.laue": (SMALL, {"datasets.made": {**MAPS, "source": "dream3d", "laue": "m-3m"}}, GRAPHS["made"]),
    "datasets.misorientation": (
        SMALL,
        {"datasets.made": {**MAPS, "source": "dream3d", "misorientation": 3}},
        GRAPHS["made"],
    ),
    "datasets.min_size": (SMALL, {"datasets.made": {**MAPS, "source": "dream3d", "min_size": 9}}, GRAPHS["made"]),
    "datasets.max_rejected": (
        SMALL,
        {"datasets.given.max_rejected": 0.5, "datasets.images.max_rejected": 0.5},
        {"check_rejected:given"} | VISION,
    ),
    "datasets.simulate.seed": (SMALL, {f"{SIM}.seed": 2}, INITIALISE),
    "datasets.simulate.microstructures": (
        SMALL,
        {f"{SIM}.microstructures": 36},
        ADDED | AFTER_GRAPHS["made"],
    ),
    "datasets.simulate.batch": (
        SMALL,
        {f"{SIM}.batch": 8},
        ADDED | INITIALISE,
    ),
    "datasets.simulate.balance": (SMALL, {f"{SIM}.balance": 1}, SIMULATE),
    "datasets.simulate.size": (SMALL, {f"{SIM}.size": 48}, INITIALISE),
    "datasets.simulate.red_fraction": (SMALL, {f"{SIM}.red_fraction": [0.1, 0.4]}, INITIALISE),
    "datasets.simulate.mobility": (SMALL, {f"{SIM}.mobility": "uniform", f"{SIM}.balance": 1}, SIMULATE),
    "datasets.simulate.min_mobility": (SMALL, {f"{SIM}.min_mobility": 0.01}, SIMULATE),
    "datasets.simulate.initial.temperature": (SMALL, {f"{SIM}.initial.temperature": 0.8}, INITIALISE),
    "datasets.simulate.initial.time": (SMALL, {f"{SIM}.initial.time": 11}, INITIALISE),
    "datasets.simulate.initial.quench_temperature": (SMALL, {f"{SIM}.initial.quench_temperature": 0.2}, INITIALISE),
    "datasets.simulate.initial.quench_time": (SMALL, {f"{SIM}.initial.quench_time": 4}, INITIALISE),
    "datasets.simulate.growth.temperature": (SMALL, {f"{SIM}.growth.temperature": 0.8}, SIMULATE),
    "datasets.simulate.growth.time": (SMALL, {f"{SIM}.growth.time": 7000}, SIMULATE),
    "datasets.simulate.growth.runs": (SMALL, {f"{SIM}.growth.runs": 3}, SIMULATE),
    "datasets.simulate.growth.coarsen": (SMALL, {f"{SIM}.growth.coarsen": 2}, SIMULATE),
    "datasets.simulate.growth.record": (SMALL, {f"{SIM}.growth.record": [10, 100]}, SIMULATE),
    "splits.method": (SMALL, {"splits.held-out": {"method": "k-fold", "validation": 0.3}}, BOTH_HELD_OUT),
    "splits.seed": (SMALL, {"splits.held-out.seed": 1}, BOTH_HELD_OUT),
    "splits.validation": (SMALL, {"splits.folds.validation": 0.4}, SPLIT["folds"]),
    "splits.test": (SMALL, {"splits.held-out.test": 0.4}, BOTH_HELD_OUT),
    "splits.folds": (SMALL, {"splits.folds.folds": 3}, SPLIT["folds"]),
    "splits.repeats": (SMALL, {"splits.folds.repeats": 2}, SPLIT["folds"]),
    "splits.stratify": (SMALL, {"splits.folds.stratify": True}, SPLIT["folds"]),
    "splits.train_fraction": (SMALL, {"splits.folds.train_fraction": 0.9}, SPLIT["folds"]),
    "splits.path": (SMALL, {"splits.table.path": "$RAW_DATA_ROOT/copy/split.csv"}, NOTHING),
    "feature_sets.nodes": (SMALL, {"feature_sets.plain": ["type", "area", "red_area"]}, FEATURES["made"]),
    "feature_sets.edges": (SMALL, {"feature_sets.plain": {"nodes": ["type", "area"], "edges": []}}, FEATURES["made"]),
    "encoded_sets.encoder": (
        SMALL,
        {"encoders.pca": {"method": "pca", "components": 2}, "encoded_sets.codes.encoder": "pca"},
        {"encoder:given/pca", "encoder_figures:given/pca", "encode:given/pca/2"} | ENCODED,
    ),
    "encoded_sets.components": (
        SMALL,
        {"encoders.tiny.components": 3, "encoded_sets.codes.components": 3},
        {"encode:given/tiny/3"} | ENCODER - {"encode:given/tiny/2"},
    ),
    "encoded_sets.columns": (SMALL, {"encoded_sets.codes.columns": ["type", "area"]}, ENCODED),
    "encoders.method": (SMALL, {"encoders.tiny": {"method": "pca", "components": 2}}, ENCODER),
    "encoders.architecture": (SMALL, {"encoders.tiny.architecture": "simple"}, ENCODER),
    "encoders.components": (
        SMALL,
        {"encoders.tiny.components": 4, "encoded_sets.codes.components": 4},
        {"encode:given/tiny/4"} | ENCODER - {"encode:given/tiny/2"},
    ),
    "encoders.epochs": (SMALL, {"encoders.tiny.epochs": 2}, ENCODER),
    "encoders.batch_size": (SMALL, {"encoders.tiny.batch_size": 32}, ENCODER),
    "encoders.learning_rate": (SMALL, {"encoders.tiny.learning_rate": 0.01}, ENCODER),
    "encoders.seed": (SMALL, {"encoders.tiny.seed": 1}, ENCODER),
    "encoders.max_patches": (SMALL, {"encoders.tiny.max_patches": 32}, ENCODER),
    "encoders.validation": (SMALL, {"encoders.tiny.validation": 0.2}, ENCODER),
    "vision_sets.crop": (SMALL, {"vision_sets.random.crop": 16}, VISION),
    "vision_sets.size": (SMALL, {"vision_sets.random.size": 40}, VISION),
    "vision_sets.network.random": (SMALL, {"vision_sets.random.network.random": 1}, VISION),
    "vision_sets.network.path": (
        SMALL,
        {"vision_sets.random.network": {"path": "/somewhere/w.pth", "sha256": "0" * 64}},
        VISION,
    ),
    "vision_sets.network.sha256": (
        SMALL,
        {"vision_sets.random.network": {"path": "w.pth", "sha256": "0" * 64}},
        VISION,
    ),
    "stacked_sets.experiments": (
        SMALL,
        {"stacked_sets": {"both": {"experiments": ["made", "given"]}}},
        NOTHING,  # no experiment stacks them
    ),
    "extensions": (SMALL, {"extensions": [EXTENSION]}, NOTHING),  # of which nothing is used
    "reference": (SMALL, {"reference": "gat"}, COMPARE),
    "figures.formats": (SMALL, {"figures.formats": ["png", "svg"]}, DRAWN),
    "device": (SMALL, {"device": "cpu"}, NOTHING),
    "tracking.store": (SMALL, {"tracking.store": "http://127.0.0.1:1"}, NOTHING),
    "tracking.experiment_prefix": (SMALL, {"tracking.experiment_prefix": "mine/"}, NOTHING),
    "tracking.timeout": (SMALL, {"tracking.timeout": 5}, NOTHING),
    "container.variant": (SMALL, {"container.variant": "cuda"}, NOTHING),  # without containers, that is
    "container.image": (SMALL, {"container.image": "docker://example.org/worker:1"}, NOTHING),
    "experiment.base": (TABLED, INHERITED, NOTHING),  # all from another experiment, except what differs
    "experiment.description": (MADE, {"description": "other words"}, relogged("made", "all")),
    "experiment.dataset": (
        TABLED,
        {"dataset": "made"},
        {"split:made/table", "features:made/shape"} | SUMMARISE["made"] | TRAIN["tabled"],
    ),
    "experiment.also_train_on": (MADE, {"also_train_on": ["given"]}, {"features:given/plain"} | TRAIN["made"]),
    "experiment.split": (TABLED, {"split": "folds"}, TRAIN["tabled"]),
    "experiment.features": (MADE, {"features": "shape"}, {"features:made/shape"} | TRAIN["made"]),
    "experiment.model": (
        TABLED,
        {"model": "gat", "training": {"epochs": 2}},
        TRAIN["tabled"],
    ),
    "experiment.target.kind": (MADE, {"target": {"kind": "growth-ratio"}}, TRAIN["made"] | CEILING["made"]),
    "experiment.target.grains": (ATTENDED, {"target.grains": "all"}, TRAIN["attended"]),
    "experiment.target.aggregate": (MADE, {"target.aggregate": "max"}, TRAIN["made"]),
    "experiment.target.threshold": (
        GIVEN,
        {"target.threshold": [2, 3, 4]},
        training("given", "t4") | relogged("given", "t2", "t3") | EVALUATE["given"] | CEILING["given"],
    ),
    "experiment.target.fraction": (MADE, {"target.aggregate": "fraction", "target.fraction": 0.7}, TRAIN["made"]),
    "experiment.target.soft": (MADE, {"target.soft": True}, TRAIN["made"]),
    "experiment.grid.propagation_steps": (MADE, {"grid.propagation_steps": [0, 2]}, TRAIN["made"]),
    "experiment.grid.feature_subsets.min": (MADE, {"grid.feature_subsets": {"min": 2}}, TRAIN["made"]),
    "experiment.grid.feature_subsets.max": (MADE, {"grid.feature_subsets": {"max": 1}}, TRAIN["made"]),
    "experiment.grid.variance": (PICTURED, {"grid.variance": [0.5]}, TRAIN["pictured"]),
    "experiment.grid.whiten": (PICTURED, {"grid.whiten": [True]}, TRAIN["pictured"]),
    "experiment.grid.c": (PICTURED, {"grid.c": [10]}, TRAIN["pictured"]),
    **{
        f"experiment.{section}.{key}": (TABLED, {"model": model, other: {}, section: {key: value}}, TRAIN["tabled"])
        for model, section, other, key, value in (
            ("logistic", "grid", "training", "transform", ["none"]),
            ("logistic", "training", "grid", "refit", False),
            ("boosted_trees", "grid", "training", "trees", [5]),
            ("boosted_trees", "grid", "training", "depth", [1]),
            ("boosted_trees", "grid", "training", "shrinkage", [0.1]),
            ("boosted_trees", "training", "grid", "min_samples_leaf", 2),
            ("boosted_trees", "training", "grid", "l2_regularization", 0),
        )
    },
    "experiment.grid.learning_rate": (MADE, {"grid.learning_rate": [0.2]}, TRAIN["made"]),
    "experiment.grid.weight_decay": (GIVEN, {"grid.weight_decay": [0.1]}, TRAIN["given"]),
    "experiment.grid.seed": (MADE, {"grid.seed": [1]}, TRAIN["made"]),
    "experiment.training.iterations": (MADE, {"training.iterations": 30}, TRAIN["made"]),
    "experiment.training.evaluate_every": (MADE, {"training.evaluate_every": 5}, TRAIN["made"]),
    "experiment.training.epochs": (ATTENDED, {"training.epochs": 3}, TRAIN["attended"]),
    "experiment.training.batch_size": (ATTENDED, {"training.batch_size": 2}, TRAIN["attended"]),
    "experiment.training.hidden": (ATTENDED, {"training.hidden": 3}, TRAIN["attended"]),
    "experiment.training.heads": (ATTENDED, {"training.heads": 2}, TRAIN["attended"]),
    "experiment.training.dropout": (ATTENDED, {"training.dropout": 0.5}, TRAIN["attended"]),
    "experiment.training.attention_dropout": (ATTENDED, {"training.attention_dropout": 0.5}, TRAIN["attended"]),
    "experiment.training.residual": (ATTENDED, {"training.residual": True}, TRAIN["attended"]),
    "experiment.training.loss_grains": (ATTENDED, {"training.loss_grains": "all"}, TRAIN["attended"]),
    "experiment.training.jumping": (ATTENDED, {"training.jumping": "max"}, TRAIN["attended"]),
    "experiment.training.norm": (ATTENDED, {"training.norm": "layer"}, TRAIN["attended"]),
    "experiment.training.context": (ATTENDED, {"training.context": "mean"}, TRAIN["attended"]),
    "experiment.training.patience": (ATTENDED, {"training.patience": 1}, TRAIN["attended"]),
    "experiment.training.clip": (ATTENDED, {"training.clip": 0.5}, TRAIN["attended"]),
    "experiment.training.plateau_factor": (ATTENDED, {"training.plateau_factor": 0.1}, TRAIN["attended"]),
    "experiment.training.plateau_patience": (ATTENDED, {"training.plateau_patience": 1}, TRAIN["attended"]),
    "experiment.training.mixed_precision": (ATTENDED, {"training.mixed_precision": False}, TRAIN["attended"]),
    **{
        f"experiment.search.{key}": (MADE, SEARCHED | {f"search.{key}": value}, STUDY)
        for key, value in {"trials": 20, "prune": True, "seed": 3}.items()
    },
    "experiment.select": (MADE, {"select": "auc"}, relogged("made", "all") | EVALUATE["made"]),
    "experiment.ensemble": (MADE, {"ensemble": 2}, {"members:made"} | relogged("made", "all") | EVALUATE["made"]),
    "experiment.fan_out": (
        MADE,
        {"fan_out": ["propagation_steps"]},
        training("made", "k1", "k2") | EVALUATE["made"],
    ),
}


def of_map(edits: dict) -> dict:
    """What a row writes of a data set of maps, without what a prediction has no use for; nothing of another row."""
    written = edits.get("datasets.made") or {}
    if not MAPS.items() <= written.items():
        return {}
    return {key: value for key, value in written.items() if key not in ("hops", "shards", "path")}


PREDICT = {"predict:sample"}
SAMPLE = {"model": "made", "source": "spparks", "path": "$RAW_DATA_ROOT/none"}
PREDICTED = {
    "model": {"model": "results/experiments/given/model.h5"},
    "threshold": {"threshold": 2},
    "source": {"source": "deepspparks-json"},
    "path": {"path": "$RAW_DATA_ROOT/json"},
    "candidates": {"candidates": "largest"},
    "types.by": {"types": {"by": "fraction"}},
    "types.column": {"types": {"by": "column", "column": "kind"}},
    "types.above": {"types": {"by": "misorientation", "above": 15}},
    "types.red": {"types": {"by": "fraction", "red": 0.5}},
    "types.seed": {"types": {"by": "fraction", "seed": 2}},
    "periodic": {"periodic": [False, True]},
    "spacing": {"spacing": 0.5},
    **{key.removeprefix("datasets."): of_map(row[1]) for key, row in KEYS.items() if of_map(row[1])},
}
"""What is written for each key of a prediction. Models and raw data count by their content."""
for key, written in PREDICTED.items():
    rerun = NOTHING if key in ("path", "model") else PREDICT
    KEYS[f"predictions.{key}"] = (SMALL, {"predictions.sample": SAMPLE | written}, rerun)
