"""Numbers hashed from names: they assign shards and splits, so that adding a microstructure moves no other."""

import hashlib


def uniform(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone (BLAKE2b of its parts, 53 bits)."""
    digest = hashlib.blake2b("\x1f".join(map(str, key)).encode(), digest_size=8).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2.0**53
