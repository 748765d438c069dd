"""The file from which a killed training goes on: what torch.save wrote, behind the SHA-256 of it."""

import hashlib
import io
import logging
import os
import pickle
from pathlib import Path

import torch

from graincast.files.atomic import whole

DIGEST = hashlib.sha256().digest_size


def write(path: str | os.PathLike, identity: str, content: dict) -> None:
    """Write a checkpoint whole. `identity` says what is trained on what."""
    memory = io.BytesIO()
    torch.save({"identity": identity, "content": content}, memory)
    data = memory.getbuffer()
    with whole(path) as partial, partial.open("wb") as file:
        file.write(hashlib.sha256(data).digest())
        file.write(data)


def read(path: str | os.PathLike, identity: str) -> dict | None:
    """The content of a checkpoint; None without a file, or with a warning if it is damaged or of another identity."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    try:
        if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            raise ValueError
        found = torch.load(io.BytesIO(data[DIGEST:]), weights_only=True, map_location="cpu")
    except (ValueError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError):
        logging.getLogger(__name__).warning("%s: not a whole checkpoint; training starts anew", path)
        return None
    if found["identity"] != identity:
        logging.getLogger(__name__).warning("%s: the checkpoint of another training; this one starts anew", path)
        return None
    return found["content"]
