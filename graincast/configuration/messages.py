"""What is wrong with a value, in one line: where, what is allowed, and the likely correction."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema

from graincast.configuration.errors import nearest

RENAMED_KEYS = {("grid", "hops"): "propagation_steps", ("target", "share"): "fraction"}
RENAMED_VALUES = {"hops": "propagation_steps", "share": "fraction"}
"""Names used by earlier versions, and their replacements."""
MOST_HOMES = 2
"""A key with more places is a common name, whose places say little."""
WORDS = {
    "object": "a mapping of keys",
    "array": "a list",
    "number": "a number",
    "integer": "an integer",
    "boolean": "true or false",
    "string": "text",
    "null": "null",
}


def message(error: jsonschema.ValidationError, schema: dict) -> str:
    """A validation error in one line.

    schema  the whole schema, which knows where a misplaced key belongs
    """
    where = ".".join(str(step) for step in error.absolute_path) or "top level"
    known = error.schema.get("properties", {})
    if error.validator == "additionalProperties" and isinstance(error.instance, dict):
        wrong = next(key for key in error.instance if key not in known)
        return _unknown(where, str(wrong), error.schema, schema)
    if error.validator == "enum":
        if error.instance in RENAMED_VALUES:
            return f"{where}: {error.instance!r} is now called {RENAMED_VALUES[error.instance]!r}"
        allowed = ", ".join("null" if value is None else str(value) for value in error.validator_value)
        return f"{where}: {error.instance!r} is none of {allowed}{nearest(error.instance, error.validator_value)}"
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return f"{where}: the key {missing!r} is missing (required: {', '.join(error.validator_value)})"
    if error.validator == "oneOf":
        kinds = " or ".join(WORDS[option["type"]].split(" ", 1)[-1] for option in error.validator_value)
        # prefer the error inside the option of the right type; without one, an error with a remedy
        wrong_type = {sub.schema_path[0] for sub in error.context if sub.validator == "type" and not sub.path}
        inner = [sub for sub in error.context if sub.schema_path[0] not in wrong_type] or [
            sub for sub in error.context if _remedy(sub)
        ]
        return f"{where}: {shown(error.instance)} is not a valid {kinds}" + (f" ({_wrong(inner[0])})" if inner else "")
    if error.validator == "pattern":
        hint = "; use letters, digits, - and _" if "A-Za-z" in error.validator_value else ""
        return f"{where}: {error.instance!r} does not match {error.validator_value}{hint}"
    return f"{where}: {_wrong(error)}"


def _unknown(where: str, key: str, section: dict, schema: dict) -> str:
    """What to do about an unknown key."""
    if (where, key) in RENAMED_KEYS:
        return f"{where}.{key}: renamed to {RENAMED_KEYS[where, key]}"
    full = key if where == "top level" else f"{where}.{key}"
    if key in section.get("elsewhere", {}):
        return f"{full}: {section['elsewhere'][key]}"
    known = section.get("properties", {})
    suggestion = nearest(key, known)
    homes = [] if suggestion else sorted(set(_homes(key, schema)))
    if 0 < len(homes) <= MOST_HOMES:
        return f"{full}: belongs to {' or '.join(homes)}"
    return f"{where}: unknown key {key!r}{suggestion} (known: {', '.join(known) or 'none'})"


def _homes(key: str, schema: dict, at: str = "") -> Iterator[str]:
    """The places of a schema that know a key."""
    if key in schema.get("properties", {}):
        yield at or "the top level"
    for name, part in schema.get("properties", {}).items():
        yield from _homes(key, part, f"{at}.{name}".lstrip("."))
    if isinstance(schema.get("additionalProperties"), dict):
        yield from _homes(key, schema["additionalProperties"], f"{at}.<name>".lstrip("."))


def _wrong(error: jsonschema.ValidationError) -> str:
    """What is wrong with a value, and the likely correction."""
    if error.validator != "type":
        return error.message
    return f"{shown(error.instance)} is not {' or '.join(WORDS[kind] for kind in _types(error))}{_remedy(error)}"


def _types(error: jsonschema.ValidationError) -> list[str]:
    return [error.validator_value] if isinstance(error.validator_value, str) else error.validator_value


def shown(value: Any) -> str:
    """A value for a message; a long list or mapping is only named."""
    if isinstance(value, dict | list) and len(repr(value)) > 60:
        return WORDS["object" if isinstance(value, dict) else "array"]
    names = {None: "nothing", True: "true", False: "false"}
    return names[value] if value is None or isinstance(value, bool) else repr(value)


def _remedy(error: jsonschema.ValidationError) -> str:
    """How to write a one-item list, a number as text, or a number that YAML reads as text, such as 1e-3."""
    if error.validator != "type" or error.instance is None:
        return ""
    if "array" in _types(error) and not isinstance(error.instance, dict):
        return f"; write [{shown(error.instance)}]"
    if "string" in _types(error) and isinstance(error.instance, int | float):
        return f'; write "{shown(error.instance)}"'
    if not {"number", "integer"}.intersection(_types(error)):
        return ""
    try:
        value = Decimal(error.instance) if isinstance(error.instance, str) else Decimal("nan")
    except InvalidOperation:
        return ""
    if not value.is_finite():
        return ""
    plain = f"{value:f}"
    mantissa, _, exponent = f"{value.normalize():e}".partition("e")
    scientific = f" or {mantissa}{'' if '.' in mantissa else '.0'}e{exponent}" if "e" in error.instance.lower() else ""
    return f"; YAML reads it as text, write {plain}{scientific}"
