"""The raw data of a configuration on this machine: where they lie, and their manifests brought up to date."""

import contextlib
import itertools
import json
from collections.abc import Iterator
from pathlib import Path

from graincast.experiment import splits
from graincast.files.atomic import write_if_changed
from graincast.files.expansion import expand
from graincast.microstructure import BadInput
from graincast.planning.plan import Plan
from graincast.planning.results_folder import FOLDER
from graincast.raw import manifest
from graincast.raw.sources import SOURCES


class RawData:
    """Folders and files outside the results that a plan reads; errors name the configuration's file and key."""

    def __init__(self, plan: Plan, config_file: str) -> None:
        self.plan, self.config_file = plan, config_file

    def folder(self, dataset: str) -> Path:
        """The configured folder of a data set's raw data. Raises BadInput where there is none."""
        where = f"{self.config_file}: datasets.{dataset}.path"
        folder = expand(self.plan.datasets[dataset]["path"], where)
        if not folder.is_dir():
            raise BadInput(f"{where}: no folder {folder}; correct the path or fetch the data")
        if Path("results").resolve().is_relative_to(folder.resolve()):
            raise BadInput(f"{where}: {folder} holds the results of this workflow; name a folder of raw data")
        return folder

    def prediction_path(self, prediction: str) -> Path:
        """The file or folder that a prediction reads. Raises BadInput where there is none."""
        where = f"{self.config_file}: predictions.{prediction}.path"
        path = expand(self.plan.predictions[prediction]["path"], where)
        if not path.exists():
            raise BadInput(f"{where}: no file or folder {path}; correct the path or fetch the data")
        return path

    def prediction_manifest(self, prediction: str) -> str:
        """The manifest of a prediction's raw data. Raises BadInput where these are missing."""
        self.prediction_path(prediction)
        return self.plan.prediction_manifest(prediction)

    def root(self, dataset: str, shard: str) -> Path:
        """The folder that the paths in a shard's manifest start from."""
        if dataset in self.plan.made_here:
            return Path(self.plan.run_folder(dataset, shard))
        return self.folder(dataset)

    def results(self) -> dict[str, Path]:
        """Somebody else's results folder for each data set that names one. Raises BadInput where there is none."""
        folders = {}
        for dataset, settings in self.plan.datasets.items():
            if settings.get("results"):
                where = f"{self.config_file}: datasets.{dataset}.results"
                folders[dataset] = expand(settings["results"], where)
                if not folders[dataset].is_dir():
                    raise BadInput(f"{where}: no folder {folders[dataset]}; correct the path")
        return folders

    def weights(self, vision_set: str) -> Path | None:
        """The file of a vision network's weights; None for random ones."""
        network = self.plan.config["vision_sets"][vision_set]["network"]
        where = f"{self.config_file}: vision_sets.{vision_set}.network.path"
        return expand(network["path"], where) if "path" in network else None

    def scan(self) -> None:
        """Bring the manifests of raw data, and the copies of given splits, up to date by content. Raises BadInput."""
        for dataset, settings in self.plan.datasets.items():
            if dataset in self.plan.made_here:
                continue
            root, source = self.folder(dataset), settings["source"]
            manifests = Path(self.plan.manifest_folder(dataset))
            find_runs, raw_files = SOURCES[source].runs, SOURCES[source].files
            assert find_runs is not None  # else the data set is simulated
            try:
                manifest.scan(root, find_runs, raw_files, settings["shards"], manifests)
            except OSError as error:
                if error.filename and Path(error.filename).is_relative_to(FOLDER):
                    raise  # not the raw data are at fault
                where = f"{self.config_file}: datasets.{dataset}"
                raise BadInput(f"{where}: {error}; correct path or source ({source})") from None
        for prediction in self.plan.predictions:
            self._scan_prediction(prediction)
        for split in {experiment["split"] for experiment in self.plan.experiments.values()}:
            for copy in self.plan.split_table(split):
                self._copy_split_table(split, copy)
        self._check_folds()

    def folders(self) -> Iterator[Path]:
        """All folders outside the working directory that steps read, where symbolic links lead included."""
        for dataset in self.plan.datasets:
            if dataset not in self.plan.made_here:
                yield self.folder(dataset)
                linked = Path(self.plan.manifest_folder(dataset), manifest.LINKED)
                yield from map(Path, json.loads(linked.read_text(encoding="utf-8")) if linked.is_file() else [])
        for prediction in self.plan.predictions:
            with contextlib.suppress(BadInput):
                path = self.prediction_path(prediction)
                yield path if path.is_dir() else path.parent
        yield from self.results().values()
        yield from self.plan.extensions
        yield from (weights.parent for weights in map(self.weights, self.plan.vision) if weights)

    def _scan_prediction(self, prediction: str) -> None:
        """Bring the manifest of a prediction's data up to date. Missing data matter only when it is asked for."""
        source = SOURCES[self.plan.predictions[prediction]["source"]]
        assert source.runs is not None  # as the check of the configuration makes sure
        with contextlib.suppress(BadInput, OSError):
            path, find = self.prediction_path(prediction), source.runs
            root = path if path.is_dir() else path.parent
            folder = Path(self.plan.prediction_manifest(prediction)).parent
            manifest.scan(root, lambda _: find(path), source.files, 1, folder)

    def _check_folds(self) -> None:
        """Raise BadInput for a k-fold split with more folds than there are raw microstructures or images."""
        for experiment in self.plan.experiments.values():
            split, dataset = self.plan.config["splits"][experiment["split"]], experiment["dataset"]
            if split["method"] == "k-fold" and dataset not in self.plan.made_here:
                usable = sum(1 for _ in itertools.islice(self._usable(dataset), split["folds"]))  # as many as needed
                if split["folds"] > usable:
                    raise BadInput(
                        f"{self.config_file}: splits.{experiment['split']}.folds: {split['folds']} folds, but "
                        f"datasets.{dataset} has {usable} usable raw files or runs; use fewer folds or more data"
                    )

    def _usable(self, dataset: str) -> Iterator[dict]:
        """The entries of a data set's manifests that nothing is known against."""
        for shard in self.plan.shards(dataset):
            entries = manifest.read(self.plan.manifest(dataset, shard))
            yield from (entry for entry in entries if manifest.reason_of(entry) is None)

    def _copy_split_table(self, split: str, copy: str) -> None:
        """Copy a given split into the results, where its content decides what is stale."""
        where = f"{self.config_file}: splits.{split}.path"
        table = expand(self.plan.config["splits"][split]["path"], where)
        try:
            splits.read_table(table)
            write_if_changed(copy, table.read_text(encoding="utf-8"))
        except OSError as error:
            raise BadInput(f"{where}: {table}: {error.strerror}") from None
        except ValueError as error:
            raise BadInput(f"{where}: {table}: {error}") from None
