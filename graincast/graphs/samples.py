"""The candidates of a map, and the grain types around each: rules of the configuration, and those of the source.

A sample is a microstructure with one candidate. All samples of a map share its arrays, its group and its growth runs.

    candidates  None        the candidate that the source names; all grains where it names none
                "largest"   the grain of the largest area, the first of equally large ones
                "all"       each grain
                "interior"  each grain that is not at the end of a non-periodic axis
                {"ids": [...]}       the grains with these ids
                {"column": name}     those whose entry in a column is true: a number other than 0, or true, yes
    types       {"by": "meso"}       the types that the source encodes
                {"by": "column", "column": name}         1, low, blue; or 2, high, red
                {"by": "misorientation", "above": 50}    red if misoriented by more than this, degrees, to the candidate
                {"by": "fraction", "red": 0.2, "seed": 1}  red with this probability, drawn for each grain by itself
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from graincast.files.name_hash import uniform
from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY, NO_TYPE, BadInput, Microstructure

LARGEST, ALL, INTERIOR = "largest", "all", "interior"
MESO, COLUMN, MISORIENTATION, FRACTION = "meso", "column", "misorientation", "fraction"
TYPE_KEYS = {MESO: (), COLUMN: ("column",), MISORIENTATION: ("above",), FRACTION: ("red", "seed")}
"""The keys that have an effect, by the rule of types."""
_TYPES = {
    "0": CANDIDATE,
    "candidate": CANDIDATE,
    "1": LOW_MOBILITY,
    "low": LOW_MOBILITY,
    "blue": LOW_MOBILITY,
    "2": HIGH_MOBILITY,
    "high": HIGH_MOBILITY,
    "red": HIGH_MOBILITY,
}


def samples(
    microstructure: Microstructure, candidates: str | Mapping[str, Any] | None, types: Mapping[str, Any]
) -> list[Microstructure]:
    """The map with each of its candidates in turn, in the order of the ids; names are `map@id` where a rule chose them.

    Raises BadInput where the map lacks what a rule needs.
    """
    m = microstructure
    if candidates is None and not m.candidate.any():
        candidates = ALL
    nodes = np.flatnonzero(m.candidate) if candidates is None else chosen(m, candidates)
    if not nodes.size:
        raise BadInput("candidates: no grain of this map is one")
    shared = _types_of_map(m, types)
    found = []
    for node in nodes.tolist():
        grain_type = _relative_types(m, node, types) if shared is None else shared.copy()
        grain_type[node] = CANDIDATE
        wrong = np.flatnonzero(grain_type == CANDIDATE)
        wrong = wrong[wrong != node]
        if wrong.size:
            raise BadInput(
                f"grain {m.grain_id[wrong[0]]} is typed as the candidate, but it is not grain {m.grain_id[node]}; "
                "leave candidates out, or choose another rule of types"
            )
        candidate = np.zeros(m.grain_id.size, bool)
        candidate[node] = True
        name = m.name if candidates is None else f"{m.name}@{m.grain_id[node]}"
        found.append(replace(m, name=name, grain_type=grain_type.astype(np.int8), candidate=candidate))
    return found


def chosen(microstructure: Microstructure, candidates: str | Mapping[str, Any]) -> np.ndarray:
    """Node indices of the candidates by a rule, int64, ascending. Raises BadInput for an id or a column not there."""
    m = microstructure
    if candidates == LARGEST:
        return np.array([m.area.argmax()])
    if candidates == ALL:
        return np.arange(m.grain_id.size)
    if candidates == INTERIOR:
        return np.flatnonzero(~m.border)
    assert isinstance(candidates, Mapping)
    if "ids" in candidates:
        absent = np.setdiff1d(candidates["ids"], m.grain_id)
        if absent.size:
            raise BadInput(f"no grain {absent[0]} among the {m.grain_id.size}, which candidates.ids names")
        return np.flatnonzero(np.isin(m.grain_id, candidates["ids"]))
    return np.flatnonzero([_true(value) for value in _column(m, candidates["column"], "candidates.column")])


def _types_of_map(m: Microstructure, types: Mapping[str, Any]) -> np.ndarray | None:
    """The type of each grain whatever the candidate, int8 [n]; None for a rule that depends on it."""
    by = types["by"]
    if by == MESO:
        if (m.grain_type == NO_TYPE).any():
            raise BadInput("the source encodes no grain types; choose a rule by types")
        return m.grain_type
    if by == COLUMN:
        values = [_text(value) for value in _column(m, types["column"], "types.column")]
        wrong = [i for i, value in enumerate(values) if value not in _TYPES]
        if wrong:
            shown = f"{values[wrong[0]][:40]!r} of grain {m.grain_id[wrong[0]]}"
            raise BadInput(f"types.column: {shown} is none of {', '.join(_TYPES)}")
        return np.array([_TYPES[value] for value in values], np.int8)
    if by == FRACTION:
        drawn = [uniform(f"type {types['seed']}", f"{m.group}@{grain}") for grain in m.grain_id.tolist()]
        return np.where(np.array(drawn) < types["red"], HIGH_MOBILITY, LOW_MOBILITY).astype(np.int8)
    return None


def _relative_types(m: Microstructure, candidate: int, types: Mapping[str, Any]) -> np.ndarray:
    from graincast.graphs.orientations import misorientation  # loads SciPy, which only this rule needs

    if m.grains is None or m.grains.orientation is None or m.grains.laue is None:
        raise BadInput("types.by misorientation: the source has no orientations, or no crystal symmetry")
    if not np.isfinite(m.grains.orientation).all():
        grain = m.grain_id[~np.isfinite(m.grains.orientation).all(axis=1)][0]
        raise BadInput(f"types.by misorientation: grain {grain} has no orientation")
    angle = misorientation(m.grains.orientation, m.grains.laue, candidate)
    return np.where(angle > types["above"], HIGH_MOBILITY, LOW_MOBILITY)


def _column(m: Microstructure, name: str, key: str) -> Sequence[Any]:
    columns = {} if m.grains is None else m.grains.columns
    if name not in columns:
        raise BadInput(f"{key}: the grains have no column {name!r} (they have {', '.join(columns) or 'none'})")
    return columns[name].tolist()


def _text(value: Any) -> str:
    """A column's entry in lower case, 2.0 as 2."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip().lower()


def _true(value: Any) -> bool:
    text = _text(value)
    if text in ("true", "yes", "false", "no", ""):
        return text in ("true", "yes")
    try:
        number = float(text)
    except ValueError:
        raise BadInput(f"candidates.column: {text[:40]!r} is neither a number nor true or false") from None
    return number == number and number != 0
