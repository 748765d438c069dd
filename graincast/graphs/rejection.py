"""How much bad input a data set may have."""

from graincast.microstructure import BadInput


def check(dataset: str, used: int, rejected: int, largest_fraction: float, table: str = "rejected.csv") -> None:
    """Raise BadInput if nothing is left, or more than `largest_fraction` (0 to 1) of the input was rejected.

    table  where the reasons are, from the data set's folder
    """
    total = used + rejected
    reasons = f"results/datasets/{dataset}/{table} has the reasons"
    if not used:
        raise BadInput(f"{dataset}: nothing usable among {total}; {reasons}")
    if rejected > largest_fraction * total:
        raise BadInput(
            f"{dataset}: {rejected} of {total} rejected ({rejected / total:.1%}), more than the "
            f"{largest_fraction:.1%} of datasets.{dataset}.max_rejected; {reasons}: mend the data or raise the key"
        )
