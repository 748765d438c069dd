"""docs/outputs.md against a finished run: every file, column, key and array is on the page, and nothing else."""

import csv
import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

import h5py
import pytest

from graincast.configuration.load import load
from graincast.configuration.yaml_file import read
from graincast.evaluation.metrics import METRICS
from graincast.experiment import declaration
from tests.workflow import checkout, small

PAGE = checkout.PROJECT / "docs" / "outputs.md"
METRIC = "|".join(METRICS)
AXIS = "|".join({axis for model in declaration.names() for axis in declaration.read(model).prefixes})
NAMED = {"metric": METRIC, "axis": AXIS, "split": "held-out|folds|table", "fold": r"all|r\d+f\d+", "number": r"\d+"}
NAMED |= {"path": ".+", "file": ".+", "format": "png|svg|pdf", "threshold": r"[\d.]+"}
NAMED |= dict.fromkeys(("shard", "block"), r"\d{4}")
"""What a placeholder stands for; others stand for a name."""
NOT_IN_A_SMALL_RUN = (
    "unsent.json",  # tracking was reachable
    "checkpoints/",  # training has ended
    "deepspparks-json/",  # made on demand, as are predictions
    "results/predictions/",
    "results/report.html",
    "predicted_against_true",  # no experiment predicts growth ratios
    "figures/search",  # or searches ranges
    "feature_subsets",  # nor compares subsets of features
    "feature_importance",
    "roc_and_precision_recall",  # too few test data of both classes, perhaps
)
"""Parts of the paths on the page that the small configuration need not make."""
BY_SNAKEMAKE = "results/benchmarks/<path>.jsonl"
"""Whose keys no code here has."""


@dataclass(frozen=True)
class Documented:
    """A section of the page: patterns of paths, and names of columns, keys or arrays."""

    paths: list[str]
    names: list[str]


def sections() -> list[Documented]:
    found = []
    for section in re.split(r"^#### ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[1:]:
        heading, _, body = section.partition("\n")
        cells = re.findall(r"^\| (.+?) \|", body.partition("\n## ")[0], re.MULTILINE)
        names = [name for cell in cells for name in re.findall("`([^`]+)`", cell)]
        found.append(Documented(re.findall("`([^`]+)`", heading), names))
    return found


def pattern(text: str) -> re.Pattern:
    """A path or name of the page as a regular expression."""
    known = {"[": "(?:", "]": ")?", "…": ".+"}
    parts = []
    for part in re.split(r"(<\w+>|\[|\]|…)", text):
        placeholder = re.fullmatch(r"<(\w+)>", part)
        meaning = f"(?:{NAMED.get(placeholder[1], '[^/]+?')})" if placeholder else re.escape(part)
        parts.append(known.get(part, meaning))
    return re.compile("".join(parts))


SECTIONS = sections()
PATTERNS = {path: pattern(path) for section in SECTIONS for path in section.paths}


def section_of(path: str) -> Documented | None:
    """The section of a file: of several that fit, the one with the fewest placeholders."""
    fit = [(known.count("<"), known) for known, one in PATTERNS.items() if one.fullmatch(path)]
    return next((one for one in SECTIONS if min(fit)[1] in one.paths), None) if fit else None


def parts_of(path: Path) -> set[str]:
    """The columns, top-level keys, or arrays and attributes of a file; none for other files."""
    if path.suffix == ".csv":
        with path.open(encoding="utf-8", newline="") as file:
            return set(next(csv.reader(file), ()))
    if path.suffix in (".json", ".jsonl"):
        text = path.read_text(encoding="utf-8")
        content = json.loads(text.splitlines()[0] if path.suffix == ".jsonl" else text)
        return set(content) if isinstance(content, dict) else set()
    if path.suffix in (".h5", ".dream3d"):
        with h5py.File(path, locking=False) as file:
            names = set(file.attrs)
            file.visititems(lambda name, item: names.add(name) if isinstance(item, h5py.Dataset) else None)
            return names
    return set()


@pytest.fixture(scope="module")
def files(finished) -> list[Path]:
    """The files of the finished run, relative to its checkout, without the time stamps of Snakemake."""
    every = (path for path in (finished / "results").rglob("*") if path.is_file())
    return [path.relative_to(finished) for path in every if path.name != ".snakemake_timestamp"]


def test_every_file_is_explained(files):
    unknown = sorted(path.as_posix() for path in files if section_of(path.as_posix()) is None)
    assert unknown == []


@pytest.mark.parametrize("experiment", small.EXPERIMENTS)
def test_a_bundle_holds_explained_files_and_a_configuration_that_loads(finished, tmp_path, experiment):
    ran = checkout.python(finished, "-m", "graincast", "bundle", experiment, "--out", str(tmp_path / "one.zip"))
    assert (ran.returncode, ran.stdout) == (0, f"{tmp_path / 'one.zip'}\n"), ran.stderr
    with zipfile.ZipFile(tmp_path / "one.zip") as archive:
        archive.extractall(tmp_path)
        results = [name for name in archive.namelist() if name.startswith("results/")]
    assert results and [name for name in results if section_of(name) is None] == []
    assert {Path(name).suffix for name in results if "/experiments/" not in name} <= {".csv", ".json", ".png"}
    configuration = load(read(tmp_path / "configuration.yaml"), tmp_path / "configuration.yaml")
    assert experiment in configuration["experiments"]


def test_every_column_key_and_array_is_explained(finished, files):
    missing = set()
    for path in files:
        section = section_of(path.as_posix())
        if section is None or "mlartifacts" in path.parts or path.parts[1] == "checked":
            continue
        known = [pattern(name) for name in section.names]
        for name in parts_of(finished / path):
            if not any(one.fullmatch(name) for one in known):
                missing.add(f"{section.paths[0]}: {name}")
    assert sorted(missing) == []


def test_every_path_on_the_page_is_written_by_a_run(files):
    written = [path.as_posix() for path in files]
    for path, one in PATTERNS.items():
        if not any(part in path for part in NOT_IN_A_SMALL_RUN):
            assert any(one.fullmatch(name) for name in written), f"{path} is on the page, and no step writes it"


def test_every_name_on_the_page_occurs_in_the_code():
    folders = ("graincast", "scripts", "rules")
    code = "\n".join(
        path.read_text(encoding="utf-8")
        for folder in folders
        for path in sorted((checkout.PROJECT / folder).rglob("*"))
        if path.suffix in (".py", ".yaml", ".smk")
    )
    words = set(re.findall(r"[A-Za-z]\w*", code))
    for section in SECTIONS:
        for name in section.names if BY_SNAKEMAKE not in section.paths else ():
            unknown = set(re.findall(r"[A-Za-z]\w*", re.sub(r"<\w+>", " ", name))) - words
            assert not unknown, f"{section.paths[0]}: {name} is on the page, and no code has it"
