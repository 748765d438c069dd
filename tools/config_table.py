"""Write the table of all configuration keys from the schema."""

import argparse
import json
from pathlib import Path

import yaml

from graincast.configuration import load
from graincast.files.atomic import write_text
from graincast.program.main import parser, run

HEAD = """\
# Configuration

`config.yaml` is the default; `make run CONFIG=config/deepspparks.yaml` runs another. A configuration names data sets,
splits, feature sets and the experiments to run; each experiment is a short file in `experiments/`. A wrong key, type or
range stops before any job, with the file, the key, what is allowed and the nearest valid name.

The tables below are generated from `schema.yaml` by `make config-table`. `<name>` is a name of your own.
"""
WORDS = {"object": "keys", "array": "list", "string": "text", "boolean": "true or false"}
BOUNDS = {
    "minimum": "≥ {}",
    "exclusiveMinimum": "> {}",
    "maximum": "≤ {}",
    "exclusiveMaximum": "< {}",
}


def table(schema: dict) -> str:
    """The text of config/README.md."""
    lines = [HEAD, "## A configuration file\n", *rows(schema, schema, "")]
    lines += ["\n## An experiment file (`experiments/<name>.yaml`)\n", *rows(schema["$defs"]["experiment"], schema, "")]
    return "\n".join(lines) + "\n"


def rows(part: dict, schema: dict, prefix: str) -> list[str]:
    return ["| key | what it is | allowed | default |", "|---|---|---|---|", *_rows(part, schema, prefix)]


def _rows(part: dict, schema: dict, prefix: str) -> list[str]:
    found = []
    for key, sub in part.get("properties", {}).items():
        sub = resolve(sub, schema)
        name = f"{prefix}{key}"
        default = "required" if key in part.get("required", []) else shown_default(sub)
        found.append(f"| `{name}` | {sub.get('description', '')} | {allowed(sub)} | {default} |")
        found += _rows(sub, schema, f"{name}.")
        below = resolve(sub.get("additionalProperties", False) or {}, schema)
        found += _rows(below, schema, f"{name}.<name>.")
    return found


def resolve(part: dict, schema: dict) -> dict:
    return schema["$defs"][part["$ref"].rpartition("/")[2]] | part if "$ref" in part else part


def allowed(part: dict) -> str:
    if "enum" in part:
        return ", ".join(f"`{value}`" for value in part["enum"])
    if "oneOf" in part:
        return " or ".join(allowed(option) for option in part["oneOf"])
    kind = part.get("type", "")
    kind = " or ".join(WORDS.get(one, one) for one in ([kind] if isinstance(kind, str) else kind))
    if part.get("type") == "array":
        return f"list of {allowed(part['items'])}" if "items" in part else "list"
    if part.get("type") == "object" and isinstance(part.get("additionalProperties"), dict):
        below = part["additionalProperties"]
        return "names: " + (allowed(below) if "items" in below else "keys")
    bounds = [text.format(part[key]) for key, text in BOUNDS.items() if key in part]
    return " ".join([kind, ", ".join(bounds)]).strip()


def shown_default(part: dict) -> str:
    if "default" not in part:
        return "none"
    value = part["default"]
    return "" if value == {} else f"`{value if isinstance(value, str) and value else json.dumps(value)}`"


def main(args: argparse.Namespace) -> None:
    write_text(args.out, table(yaml.safe_load(load.SCHEMA.read_text(encoding="utf-8"))))


if __name__ == "__main__":
    p = parser("config_table", __doc__)
    p.add_argument("out", type=Path, help="Markdown file to write")
    run(main, p)
