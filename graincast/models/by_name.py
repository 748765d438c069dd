"""A model's module by its name.

Programs load models by name, so changing or adding one model does not make another's training stale.
"""

import importlib
from pathlib import Path
from types import ModuleType

from graincast.microstructure import BadInput


def load(name: str) -> ModuleType:
    """A model's module. Raises BadInput for an unknown name."""
    if not Path(__file__).with_name(f"{name}.py").is_file():
        raise BadInput(f"no model {name!r} in graincast/models")
    return importlib.import_module(f"graincast.models.{name}")
