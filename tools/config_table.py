"""Write the tables of all configuration keys, from the schema and from what models, encoders and sources declare."""

import argparse
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from graincast.configuration import load, schema
from graincast.evaluation import metrics
from graincast.experiment import declaration as models
from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL
from graincast.features.edges import EDGE_FEATURES
from graincast.features.named import Features
from graincast.features.nodes import NODE_FEATURES
from graincast.files import declaration
from graincast.files.atomic import write_text
from graincast.program.main import parser, run
from graincast.raw.sources import SOURCES

HEAD = """\
# Configuration

`config.yaml` is the default; `make run CONFIG=config/deepspparks.yaml` runs another. A configuration names data sets,
splits, feature sets and the experiments to run; each experiment is a short file in `experiments/`. A wrong key, type or
range stops before any job, with the file, the key, what is allowed and the nearest valid name.

`make config-table` generates this page from `schema.yaml` and from the declarations of models, encoders and sources.
`<name>` is a name of your own.
"""
WORDS = {"object": "keys", "array": "list", "string": "text", "boolean": "true or false"}
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def page() -> str:
    """The text of config/README.md."""
    every = schema.shared()
    model = {"model": schema.of_experiment()["properties"]["model"]}
    experiment = {**every["$defs"]["experiment"], "properties": every["$defs"]["experiment"]["properties"] | model}
    parts = [
        [HEAD],
        ["## A configuration file\n", *key_table(every)],
        ["## Sources of data sets", *_sources()],
        ["## Methods of encoding", *_encoders()],
        ["## Predefined feature sets\n", *_feature_sets()],
        ["## Node features\n", *_features(NODE_FEATURES)],
        ["## Edge features\n", *_features(EDGE_FEATURES)],
        ["## An experiment file (`experiments/<name>.yaml`)\n", *key_table(experiment)],
        ["## Models", *_models()],
        ["## Metrics", *_metrics()],
    ]
    return "\n\n".join("\n".join(lines).rstrip("\n") for lines in parts) + "\n"


def _sources() -> Iterator[str]:
    yield f"\nEvery source takes {names(schema.OF_EVERY_SOURCE)}."
    for name, source in SOURCES.items():
        keys = (f"`{key}`{' (required)' if key in source.required else ''}" for key in source.keys)
        yield f"\n### `{name}`\n"
        yield f"{source.description[0].upper()}{source.description[1:]}. It takes {', '.join(keys)}."
        if source.settings:
            yield from ("", *key_table({"properties": source.settings}))


def _encoders() -> Iterator[str]:
    for name in declaration.names([schema.ENCODERS]):
        declared = declaration.read(name, [schema.ENCODERS])
        yield f"\n### `{name}`\n"
        yield f"{declared['description']}\n"
        yield from key_table({"properties": declared["settings"]})


def _feature_sets() -> Iterator[str]:
    yield "Every configuration has these; a set of the same name in `feature_sets` replaces one.\n"
    sets = load.predefined_feature_sets().items()
    yield from table(("feature set", "node features"), ((f"`{name}`", names(features)) for name, features in sets))


def _features(features: Features) -> Iterator[str]:
    rows = ((f"`{name}`", one.unit, one.formula, ", ".join(one.invariances)) for name, one in features.items())
    yield from table(("feature", "unit", "what it is", "unchanged by"), rows)


def _models() -> Iterator[str]:
    for name in models.names():
        one = models.read(name)
        keys = schema.of_experiment(name)["properties"]
        chosen = [(kind, one.select or metrics.DEFAULT[kind]) for kind in one.kinds]
        yield f"\n### `{name}`\n"
        yield f"{one.description}\n"
        yield f"- `features`: a set of {names(one.features, ' or ')}"
        yield f"- `target.kind`: {names(one.kinds)}; `target.grains`: {names(one.grains)}"
        yield f"- `target.soft`: {'yes' if one.soft else 'no'}"
        yield f"- `select`, by default: {', '.join(f'`{metric}` for `{kind}`' for kind, metric in chosen)}"
        yield f"- served models: {f'no, {one.served}' if one.served else 'yes'}\n"
        yield from key_table({"properties": {section: keys[section] for section in ("grid", "training")}}, below=True)


def _metrics() -> Iterator[str]:
    for kind in (ABNORMAL, GROWTH_RATIO, LABEL):
        yield f"\n### Of kind `{kind}`\n"
        rows = []
        for name in metrics.names(kind):
            one = metrics.METRICS[name]
            better = "larger" if one.larger_is_better else "smaller"
            selects = "by default" if name == metrics.DEFAULT[kind] else "yes" if one.selects else "no"
            rows.append((f"`{name}`", one.label, better, selects, one.undefined))
        yield from table(("metric", "label", "better if", "chooses trials", "undefined if"), rows)


def key_table(part: Mapping, below: bool = False) -> list[str]:
    """The keys of a schema, those of sections included; `below` leaves out the sections themselves."""
    rows = [row for row in _key_rows(part, "") if not (below and "." not in row[0])]
    return table(("key", "what it is", "allowed", "default"), rows)


def _key_rows(part: Mapping, prefix: str) -> Iterator[tuple[str, ...]]:
    for key, one in part.get("properties", {}).items():
        name = f"{prefix}{key}"
        default = "required" if key in part.get("required", []) else _default(one)
        yield f"`{name}`", one.get("description", ""), allowed(one), default
        yield from _key_rows(one, f"{name}.")
        named = one.get("additionalProperties")
        if isinstance(named, dict):
            yield from _key_rows(named, f"{name}.<name>.")


def table(head: Sequence[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown; no rows give no table."""
    lines = ["| " + " | ".join(cells) + " |" for cells in (head, *rows)]
    return [lines[0], "|---" * len(head) + "|", *lines[1:]] if len(lines) > 1 else []


def names(these: Iterable[str], separator: str = ", ") -> str:
    """Names as code."""
    return separator.join(f"`{name}`" for name in these)


def allowed(part: Mapping) -> str:
    """The allowed values of a key, in words."""
    if "enum" in part:
        return ", ".join(f"`{'null' if value is None else value}`" for value in part["enum"])
    if "oneOf" in part:
        return " or ".join(allowed(option) for option in part["oneOf"])
    kind = part.get("type", "")
    if kind == "array":
        return f"list of {allowed(part['items'])}"
    if kind == "object" and isinstance(part.get("additionalProperties"), dict):
        return "names: keys"
    words = " or ".join(WORDS.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))
    bounds = [text.format(number(part[key])) for key, text in BOUNDS.items() if key in part]
    return " ".join([words, ", ".join(bounds)]).strip()


def number(value: float) -> str:
    """A bound as text, a large one such as 1e+09."""
    return f"{value:g}" if isinstance(value, float) else str(value)


def _default(part: Mapping) -> str:
    if "default" not in part:
        return "none"
    value = part["default"]
    return "" if value == {} else f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def main(args: argparse.Namespace) -> None:
    write_text(args.out, page())


if __name__ == "__main__":
    p = parser("config_table", __doc__)
    p.add_argument("out", type=Path, help="Markdown file to write")
    run(main, p)
