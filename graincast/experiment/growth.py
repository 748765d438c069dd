"""The microstructures of a data set that grew: those without growth runs have no target."""

from typing import Any

import numpy as np

from graincast.microstructure import BadInput


def with_growth(data: Any, name: str) -> Any:
    """A feature table or vision table without the microstructures that have no growth run; says how many those are.

    name  of the experiment, for messages
    Raises BadInput where none has one.
    """
    if getattr(data, "growth_ptr", None) is None:
        return data  # labelled images
    grown = np.diff(data.growth_ptr) > 0
    if grown.all():
        return data
    if not grown.any():
        raise BadInput(
            f"{name}: none of {grown.size} microstructures has a growth run, so there is nothing to learn; "
            "add growth runs, or make them with source regrow"
        )
    print(f"{name}: {(~grown).sum()} of {grown.size} microstructures have no growth run; the others are used")
    return data.selected(grown)
