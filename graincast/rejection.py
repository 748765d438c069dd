"""How much bad input a data set may have."""

from graincast.microstructure import BadInput


def check(dataset: str, used: int, rejected: int, largest_share: float) -> None:
    """Raise BadInput if nothing is left, or more than `largest_share` (0 to 1) of the microstructures was rejected."""
    total = used + rejected
    reasons = f"results/datasets/{dataset}/rejected.csv has the reasons"
    if not used:
        raise BadInput(f"{dataset}: no usable microstructure among {total}; {reasons}")
    if rejected > largest_share * total:
        raise BadInput(
            f"{dataset}: {rejected} of {total} microstructures rejected ({rejected / total:.1%}), more than the "
            f"{largest_share:.1%} of datasets.{dataset}.max_rejected; {reasons}: mend the data or raise the key"
        )
