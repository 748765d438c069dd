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
    if rejected > largest_fraction * total:
        raise BadInput(
            f"{dataset}: {rejected} of {total} rejected ({rejected / total:.1%}), more than the "
            f"{largest_fraction:.1%} of datasets.{dataset}.max_rejected; {reasons}: fix the data or raise the key"
        )
