"""Limit on the fraction of rejected input in a data set."""

from graincast.microstructure import BadInput


def check(dataset: str, used: int, rejected: int, largest_fraction: float, table: str = "rejected.csv") -> None:
    """Raise BadInput if no input is usable, or more than `largest_fraction` (0 to 1) of the input was rejected.

    table  file with the reasons, relative to the data set's folder
    """
    total = used + rejected
    reasons = f"results/datasets/{dataset}/{table} has the reasons"
    if not used:
        raise BadInput(f"{dataset}: none of {total} usable; {reasons}")
    if not _enough(used, rejected, largest_fraction):
        raise BadInput(
            f"{dataset}: {rejected} of {total} rejected ({rejected / total:.1%}), more than the "
            f"{largest_fraction:.1%} of datasets.{dataset}.max_rejected; {reasons}: fix the data or raise the key"
        )


def check_before(step: str, dataset: str, used: int, rejected: int, largest_fraction: float) -> None:
    """Raise BadInput where `check` would, in a few words: the program check_rejected alone explains it."""
    if not _enough(used, rejected, largest_fraction):
        raise BadInput(f"{step}: not made, as check_rejected refuses {dataset}")


def _enough(used: int, rejected: int, largest_fraction: float) -> bool:
    return used > 0 and rejected <= largest_fraction * (used + rejected)
