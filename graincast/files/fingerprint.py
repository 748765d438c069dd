"""Short content hash of a table, which identifies the data that a model was trained on."""

import hashlib
import json
from dataclasses import fields
from typing import Any

import numpy as np


def content_hash(table: Any) -> str:
    """Hash of a dataclass of arrays, lists and strings, 16 hexadecimal digits."""
    digest = hashlib.sha256()
    for field in fields(table):
        value = getattr(table, field.name)
        if isinstance(value, np.ndarray):
            digest.update(f"{field.name} {value.dtype.str} {value.shape}\n".encode())
            digest.update(np.ascontiguousarray(value).data)
        else:
            digest.update(f"{field.name} {json.dumps(value)}\n".encode())
    return digest.hexdigest()[:16]
