"""A model's module by its name.

Programs load models by name, so changing or adding one model does not make another's training stale. A model is a
module with FUNCTIONS (sgc.py documents them), and a declaration beside it.
"""

import importlib
import importlib.util
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType

from graincast.microstructure import BadInput
from graincast.program import extensions

FUNCTIONS = ("read", "total_steps", "train", "predict")


def load(name: str, folders: Sequence[Path] = ()) -> ModuleType:
    """A model's module, of the library or of an extension. Raises BadInput for an unknown name.

    folders  extensions, which must be installed
    """
    spec = importlib.util.find_spec(f"graincast.models.{name}") if name.isidentifier() else None
    if spec and spec.origin and Path(spec.origin).with_suffix(".yaml").is_file():
        return importlib.import_module(f"graincast.models.{name}")
    for folder in folders:
        module = extensions.module(folder, name)
        if module is not None:
            missing = [function for function in FUNCTIONS if not hasattr(module, function)]
            if missing:
                raise BadInput(f"{folder / name}.py: a model needs the functions {', '.join(missing)}")
            return module
    raise BadInput(f"no model {name!r} in {', '.join(map(str, ['graincast/models', *folders]))}")
