"""Rows of the comparison in words; without any library that takes long to load."""

from collections.abc import Mapping

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


def between(row: Mapping[str, str], name: str) -> list[float] | None:
    """The interval of a column."""
    limits = [row.get(f"{name}_low", ""), row.get(f"{name}_high", "")]
    return [float(limit) for limit in limits] if all(limits) else None


def value(row: Mapping[str, str], name: str, form: str = ".3f") -> str:
    """The value of a column; "undefined" where there is none."""
    return format(float(row[name]), form) if row.get(name) else "undefined"


def with_interval(row: Mapping[str, str], name: str, form: str = ".3f") -> str:
    """The value of a column, and its interval in brackets."""
    limits = between(row, name)
    shown = f" ({limits[0]:{form}} to {limits[1]:{form}})" if limits else ""
    return value(row, name, form) + shown


def task(target: str, threshold: str) -> str:
    """What is predicted."""
    of = {
        ABNORMAL: f"growth ratio above {threshold}",
        GROWTH_RATIO: "the growth ratio itself",
        LABEL: "the class of an image",
    }
    return of.get(target, target)


def tested(row: Mapping[str, str]) -> str:
    """How much an experiment was tested on: 104; 8 in 4 groups; 3000 in 600 groups, 25 folds."""
    count, groups, folds = row["test_predictions"], row.get("test_groups", ""), row.get("folds", "1")
    of_groups = f" in {several(int(groups), 'group')}" if groups and groups != count else ""
    return f"{count}{of_groups}" + (f", {folds} folds" if folds not in ("", "1") else "")


def rejected(found: int | None, used: int | None) -> str:
    """How much of a data set was rejected: 3 of 400; "" where that is not known."""
    if found is None:
        return ""
    return f"{found} of {found + used}" if used else str(found)


def short(name: str, most: int = 26) -> str:
    """A name that fits above a picture: its middle is left out where it is long."""
    half = (most - 1) // 2
    return name if len(name) <= most else f"{name[:half]}…{name[-half:]}"


def listed(names: list[str]) -> str:
    """Names as they are listed in a sentence: a, b and c."""
    return " and ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def several(count: int, one: str, more: str = "") -> str:
    """A number of things: 1 state, 3 states, 2 summaries."""
    return f"{count:,} {one if count == 1 else more or one + 's'}"
