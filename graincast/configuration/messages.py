"""What is wrong with a value, in one line: where, what is allowed, and the likely correction."""

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Any

import jsonschema

from graincast.configuration.errors import nearest

NAME = "<name>"
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
    here = tuple(str(step) for step in error.absolute_path)
    where = ".".join(here) or "top level"
    if error.validator == "additionalProperties":
        return _unknown(here, _unknown_key(error), error.schema, schema)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        if "of" in error.schema:
            meaning = error.schema["properties"][missing]["description"].partition(". ")[0].rstrip(".")
            return f"{where}: {error.schema['of']} needs the key {missing!r} ({meaning[0].lower()}{meaning[1:]})"
        return f"{where}: the key {missing!r} is missing (required: {', '.join(error.validator_value)})"
    if error.validator == "oneOf":
        kinds = " or ".join(WORDS[option["type"]].split(" ", 1)[-1] for option in error.validator_value)
        # prefer the error inside the option of the right type; without one, an error with a remedy
        wrong_type = {sub.schema_path[0] for sub in error.context if sub.validator == "type" and not sub.path}
        inner = [sub for sub in error.context if sub.schema_path[0] not in wrong_type] or [
            sub for sub in error.context if _remedy(sub)
        ]
        return f"{where}: {shown(error.instance)} is not a valid {kinds}" + (f" ({_wrong(inner[0])})" if inner else "")
    if error.validator == "maxLength":
        length = f"has {len(error.instance)} characters; use at most {error.validator_value}"
        return f"{where}: the name {error.instance[:40]}… {length}"
    if error.validator == "pattern":
        hint = "; use letters, digits, - and _" if "A-Za-z" in error.validator_value else ""
        return f"{where}: {error.instance!r} does not match {error.validator_value}{hint}"
    return f"{where}: {_wrong(error)}"


def _unknown_key(error: jsonschema.ValidationError) -> str:
    return str(next(key for key in error.instance if key not in error.schema.get("properties", {})))


def _unknown(here: tuple[str, ...], key: str, section: dict, schema: dict) -> str:
    """What to do about an unknown key of a section, which is at `here` in the schema."""
    full, known = ".".join((*here, key)), section.get("properties", {})
    if key in section.get("elsewhere", {}):
        return f"{full}: {section['elsewhere'][key]}"
    homes = sorted(_homes(key, here, schema))
    if 0 < len(homes) <= MOST_HOMES:
        return f"{full}: belongs to {' or '.join(homes)} (known here: {', '.join(known) or 'no keys'})"
    return (
        f"{'.'.join(here) or 'top level'}: unknown key {key!r}{nearest(key, known)} "
        f"(known: {', '.join(known) or 'no keys'})"
    )


def _homes(key: str, here: tuple[str, ...], schema: dict) -> set[str]:
    """The places of a schema that know a key; if some lie below the place `here`, only those."""
    places = {_beside(here, place) for place in _places(key, schema)}
    below = {place for place in places if place[: len(here)] == here}
    return {".".join(place) or "the top level" for place in below or places}


def _places(key: str, schema: dict, at: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """The places of a schema that know a key, with NAME for names of the user's own."""
    named = schema.get("additionalProperties")
    if isinstance(named, dict):
        yield from _places(key, named, (*at, NAME))
        return
    if key in schema.get("properties", {}):
        yield at
    for name, part in schema.get("properties", {}).items():
        yield from _places(key, part, (*at, name))
    for option in schema.get("oneOf", ()):
        yield from _places(key, option, at)


def _beside(here: tuple[str, ...], place: tuple[str, ...]) -> tuple[str, ...]:
    """A place with the names of `here`, as far as both agree."""
    named = list(place)
    for i, (step, own) in enumerate(zip(place, here, strict=False)):
        if step not in (own, NAME):
            break
        named[i] = own
    return tuple(named)


def _wrong(error: jsonschema.ValidationError) -> str:
    """What is wrong with a value, and the likely correction."""
    if error.validator == "enum":
        allowed = ", ".join("null" if value is None else str(value) for value in error.validator_value)
        return f"{shown(error.instance)} is none of {allowed}{nearest(error.instance, error.validator_value)}"
    if error.validator == "additionalProperties":
        key, known = _unknown_key(error), error.schema["properties"]
        return f"unknown key {key!r}{nearest(key, known)}"
    if error.validator == "type":
        return f"{shown(error.instance)} is not {' or '.join(WORDS[kind] for kind in _types(error))}{_remedy(error)}"
    return error.message


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
    if "string" in _types(error) and isinstance(error.instance, bool):
        return "; YAML reads yes, no, on and off as true or false, so put a name in quotes"
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
