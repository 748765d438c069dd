"""A folder of results as the report and the terminal read it: finished experiments, data sets, costs, versions.

Only this folder is read, so results may have been copied from elsewhere.
"""

import functools
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from graincast.files import csv_table
from graincast.microstructure import BadInput
from graincast.program.cost import FILE as COST
from graincast.program.recipe import SUFFIX, read_made_from
from graincast.report import words

EXPLANATIONS = "explanations"
"""The folder of what `graincast explain` measured of the experiments."""
COLUMNS = ("test_groups", "interval_method", "reference", "cautions", "ceiling")
"""Columns of comparison.csv that earlier releases did not write."""
KEYS = ("experiment", "target", "dataset", "features", "model", "split", "select", "groups", "thresholds")


@dataclass(frozen=True)
class Results:
    """The results in a folder."""

    folder: Path

    @functools.cached_property
    def rows(self) -> list[dict[str, str]]:
        """The rows of comparison.csv. Raises BadInput where there is none yet."""
        path = self.folder / "comparison.csv"
        if not path.is_file():
            raise BadInput(f"{path}: missing, so no experiment has finished here; run the workflow first")
        rows = csv_table.records(path)
        for row in rows[:1]:
            _check(path, row, COLUMNS)
        return rows

    @functools.cached_property
    def experiments(self) -> dict[str, dict]:
        """The content of test_metrics.json of each experiment of the comparison that has its files here.

        Raises BadInput for results of an earlier release.
        """
        found = {}
        for name in sorted({row["experiment"] for row in self.rows}):
            path = self.experiment(name) / "test_metrics.json"
            if content := _json(path):
                _check(path, content, KEYS)
                found[name] = content
        return found

    @functools.cached_property
    def tasks(self) -> list[list[dict[str, str]]]:
        """The rows of the comparison, best first, of each data set, split, kind of target and threshold."""
        found: dict[tuple[str, ...], list[dict[str, str]]] = {}
        for row in self.rows:
            found.setdefault(tuple(row[key] for key in ("dataset", "target", "threshold", "split")), []).append(row)
        return list(found.values())

    def task(self, row: Mapping[str, str]) -> str:
        """What is predicted in a row of the comparison, and by which split where its data set has several."""
        splits = {other["split"] for other in self.rows if other["dataset"] == row["dataset"]}
        by = f" (split {row['split']})" if len(splits) > 1 else ""
        return f"{words.task(row['target'], row['threshold'])}{by}"

    @property
    def datasets(self) -> list[str]:
        """The names of the data sets of the comparison."""
        return sorted({row["dataset"] for row in self.rows})

    def experiment(self, name: str) -> Path:
        """The folder of an experiment."""
        return self.folder / "experiments" / name

    def dataset(self, name: str) -> Path:
        """The folder of a data set."""
        return self.folder / "datasets" / name

    def explanation(self, name: str) -> Path:
        """The folder in which `graincast explain` measured what an experiment relies on."""
        return self.folder / EXPLANATIONS / name

    @staticmethod
    def to_explain(name: str) -> str:
        """The command that fills the folder of an experiment's explanation."""
        return f"graincast explain --model {name} --out results/{EXPLANATIONS}/{name}"

    def jobs(self, name: str) -> list[Path]:
        """The folders of an experiment's training jobs that its test result was made from."""
        return [self.experiment(name) / "trials" / job for job in self.experiments[name].get("jobs", [])]

    def configuration(self, name: str) -> str:
        """The resolved configuration of an experiment, as YAML; "" where it is not there."""
        for path in (
            self.experiment(name) / "configuration.yaml",
            self.folder / "recipes" / "configurations" / f"{name}.yaml",
        ):
            if path.is_file():
                return path.read_text(encoding="utf-8")
        return ""

    @functools.cached_property
    def settings(self) -> dict[str, dict[str, Any]]:
        """The resolved configuration of each experiment; empty where it is not there."""
        return {name: yaml.safe_load(self.configuration(name)) or {} for name in self.experiments}

    def about_dataset(self, name: str) -> dict[str, Any]:
        """The settings of a data set."""
        found = (settings.get("datasets", {}).get(name) for settings in self.settings.values())
        return next((one for one in found if one), {})

    def about_experiment(self, name: str) -> dict[str, Any]:
        """The settings of an experiment."""
        return self.settings[name].get("experiments", {}).get(name, {})

    def splits(self) -> dict[str, dict[str, Any]]:
        """The settings of all splits, by name."""
        found: dict[str, dict[str, Any]] = {}
        for settings in self.settings.values():
            found |= settings.get("splits", {})
        return found

    def summary(self, name: str) -> list[dict[str, str]]:
        """The rows of a data set's summary.csv; empty for labelled images, which have none."""
        path = self.dataset(name) / "summary.csv"
        return csv_table.records(path) if path.is_file() else []

    def ceiling(self, name: str) -> dict | None:
        """The noise ceiling of a data set."""
        return _json(self.dataset(name) / "ceiling.json")

    def rejected(self, dataset: str) -> list[tuple[str, str]] | None:
        """File and reason of each rejected input of a data set; None where its list is not there."""
        folder = self.dataset(dataset)
        tables = [path for path in [folder / "rejected.csv"] if path.is_file()]
        # images are rejected where a network reads them
        tables = tables or sorted((folder / "features").glob("*.rejected.csv"))
        if not tables:
            return None
        return sorted({(row[0], row[-1]) for path in tables for row in csv_table.rows(path)})

    def shards(self, dataset: str) -> list[Path]:
        """The files of a data set's grain graphs."""
        return sorted((self.dataset(dataset) / "graphs").glob("*.h5"))

    def benchmarks(self) -> dict[str, list[dict[str, Any]]]:
        """What the last run of each job cost, by rule; of lines that are damaged, nothing."""
        found: dict[str, list[dict[str, Any]]] = {}
        root = self.folder / "benchmarks"
        for path in sorted(root.rglob("*.jsonl")):
            *_, last = path.read_text(encoding="utf-8").splitlines() or [""]
            cost = _parsed(last)
            if cost and isinstance(cost.get("s"), int | float):
                found.setdefault(path.relative_to(root).parts[0].removesuffix(".jsonl"), []).append(cost)
        return found

    def packages(self) -> dict[str, list[str]]:
        """The versions of the packages that the results were made with, by distribution."""
        found: dict[str, set[str]] = {}
        for note in self._notes():
            for package, version in note["recipe"].get("packages", {}).items():
                found.setdefault(package, set()).add(version)
        return {package: sorted(versions) for package, versions in sorted(found.items())}

    def commits(self) -> list[str]:
        """The commits of the sources that trained and evaluated; empty for results that note none."""
        costs = (_json(path) for path in sorted(self.folder.glob(f"experiments/**/{COST}")))
        return sorted({cost["commit"] for cost in costs if cost and cost.get("commit")})

    def _notes(self) -> Iterator[dict]:
        """What the results of the comparison's experiments and data sets were made from."""
        folders = [*map(self.experiment, self.experiments), *map(self.dataset, self.datasets)]
        for path in sorted(path for folder in folders for path in folder.rglob(f"*{SUFFIX}")):
            try:
                yield read_made_from(path)
            except (BadInput, OSError):
                continue  # `graincast verify` reports it


def _check(path: Path, content: Mapping[str, Any], keys: Sequence[str]) -> None:
    for key in keys:
        if key not in content:
            raise BadInput(f"{path}: lacks {key}, as results of earlier releases do; run the workflow again")


def _json(path: Path) -> dict | None:
    return _parsed(path.read_text(encoding="utf-8")) if path.is_file() else None


def _parsed(text: str) -> dict | None:
    try:
        content = json.loads(text)
    except ValueError:
        return None
    return content if isinstance(content, dict) else None
