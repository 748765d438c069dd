"""The page in front of a bundled experiment: what its parts are, and how to run it again."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

LOCKS = "`envs/`"
"""Missing where the package was installed without its project."""
PARTS = {
    "`configuration.yaml`": "the configuration with every default filled in; it runs as it is",
    "`results/experiments/<experiment>/`": (
        "the results: `test_metrics.json`, `trials.csv`, `predictions.csv`, figures, the trained model `model.h5`, its "
        "`MODEL_CARD.md`, and `sources.zip`, the sources that its predictions run"
    ),
    "`results/datasets/<dataset>/splits/`": "which microstructures were for training, validation and test",
    "`results/datasets/<dataset>/raw/`, `…/runs/`": (
        "manifests of raw data, given and simulated: the SHA-256 of every file; the raw data themselves are not here"
    ),
    "`results/datasets/<dataset>/`": "`summary.csv`, what was rejected and why, the noise ceiling where there is one",
    "`results/recipes/`, `*.made_from.json`": (
        "what the outputs of each step were made from, back to raw data, with the SHA-256 of inputs and outputs"
    ),
    LOCKS: "lock files of the environment, of the checkout where this was packed",
    "`manifest.json`": "commits, versions of the packages that bear on the numbers, the SHA-256 of each file here",
}
TEXT = """\
# {experiment}

One experiment of graincast, packed by `graincast bundle`: what was run, on which data, with which result.

| part | what it is |
|---|---|
{parts}

Every column and key is explained in `docs/outputs.md` of graincast.

## The sources

{commits}

## Running it again

In a clone of graincast, with the bundle beside it:

```
python3 -m zipfile -e ../{experiment}.zip bundled
{checkout}make run CONFIG=bundled/configuration.yaml
```

The new results lie in `results/experiments/{experiment}/`; compare them with those in
`bundled/results/experiments/{experiment}/`.
{needed}
## Using the model

```
graincast predict --model bundled/results/experiments/{experiment}/model.h5 --data MAPS --out predicted
```
"""


def text(experiment: str, settings: Mapping[str, Any], commits: Sequence[str], names: Collection[str]) -> str:
    """The page, in Markdown.

    settings  the resolved configuration
    commits   of the sources that made the results, as cost.json has them
    names     of all that is bundled
    """
    lines = [f"- {line}" for line in _needed(settings, names)]
    needed = "\n".join(["", "It reads what is not here; put it there first, or edit the path:", "", *lines, ""])
    locked = any(name.startswith("envs/") for name in names)
    parts = [f"| {part} | {what} |" for part, what in PARTS.items() if locked or part != LOCKS]
    only = commits[0].partition(",")[0] if len(commits) == 1 else ""
    return TEXT.format(
        experiment=experiment,
        parts="\n".join(parts),
        commits=_of_sources(commits),
        checkout=f"git checkout {only}\n" if only else "",
        needed=needed if lines else "\nIt reads nothing that is not here: its data are simulated.\n",
    )


def _of_sources(commits: Sequence[str]) -> str:
    if not commits:
        return "The commit was not noted. The recipes have the SHA-256 of each source file, which tells it."
    listed = "\n".join(f"- {commit}" for commit in commits)
    changed = any("," in commit for commit in commits)
    warning = "\n\nWith changes: the sources differed from that commit, which alone may not give these results."
    return f"The commits that training and evaluation ran at:\n\n{listed}{warning if changed else ''}"


def _needed(settings: Mapping[str, Any], names: Collection[str]) -> Iterator[str]:
    for name, one in settings.get("datasets", {}).items():
        if one.get("path"):
            manifests = f"results/datasets/{name}/raw/"
            listed = f"; `{manifests}` lists its files" if any(path.startswith(manifests) for path in names) else ""
            yield f"raw data of the data set `{name}` ({one['source']}): `{one['path']}`{listed}"
        if one.get("results"):
            yield f"other results of `{name}`: `{one['results']}`; or remove the key `datasets.{name}.results`"
    for name, one in settings.get("splits", {}).items():
        if one.get("path"):
            yield f"the table of the split `{name}`: `{one['path']}`; it is `results/splits/{name}.csv` here"
    for name, one in settings.get("vision_sets", {}).items():
        if path := one.get("network", {}).get("path"):
            yield f"weights of the vision network of `{name}`: `{path}`"
    for folder in settings.get("extensions", []):
        yield f"the extension `{folder}`: models and features beside graincast's own, whose sources are not all here"
    if any("$RAW_DATA_ROOT" in str(one.get("path", "")) for one in settings.get("datasets", {}).values()):
        yield "`export RAW_DATA_ROOT=…` names the folder that `$RAW_DATA_ROOT` stands for"
