"""Checkpoints from which a killed training resumes: the SHA-256 of the output of torch.save, then that output."""

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
    """Write a checkpoint whole. identity: text that identifies the training, see `read`."""
    buffer = io.BytesIO()
    torch.save({"identity": identity, "content": content}, buffer)
    data = buffer.getbuffer()
    with whole(path) as partial, partial.open("wb") as file:
        file.write(hashlib.sha256(data).digest())
        file.write(data)


def read(path: str | os.PathLike, identity: str) -> dict | None:
    """The content of a checkpoint; None without a file, or, with a warning, if damaged or of another identity."""
    try:
        data = Path(path).read_bytes()
    except FileNotFoundError:
        return None
    try:
        if hashlib.sha256(data[DIGEST:]).digest() != data[:DIGEST]:
            raise ValueError
        stored = torch.load(io.BytesIO(data[DIGEST:]), weights_only=True, map_location="cpu")
    except (ValueError, RuntimeError, EOFError, KeyError, pickle.UnpicklingError):
        logging.getLogger(__name__).warning("%s: the checkpoint is damaged; training starts afresh", path)
        return None
    if stored["identity"] != identity:
        logging.getLogger(__name__).warning("%s: the checkpoint is from another training; training starts afresh", path)
        return None
    return stored["content"]
