"""Streams of patches: a whole data set's, of which no more than a few thousand are held at once.

What stays in memory is each label image in runs (some ten kilobytes), so patches are cut anew in every pass. Nothing
depends on how a data set is divided into shards: microstructures are taken in order of their names.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graincast.encoders import patches as cut
from graincast.files.name_hash import uniform
from graincast.graphs import label_runs, shards
from graincast.microstructure import BadInput, Microstructure

POOL = 4096  # patches that are held at once, and among which an order is drawn


@dataclass(frozen=True)
class LabelRuns:
    """What patches are cut from: a microstructure's name, label image in runs, grain types, undirected boundaries."""

    name: str
    shape: tuple[int, int]
    value: np.ndarray
    length: np.ndarray
    grain_type: np.ndarray
    pairs: np.ndarray

    def count(self, kind: str) -> int:
        """The number of patches of a kind."""
        return self.grain_type.size if kind == cut.GRAIN else len(self.pairs)

    def patches(self, kind: str) -> np.ndarray:
        """All patches of a kind, uint8 [count, size, size], in order of grains or of boundaries."""
        labels = label_runs.decode(self.value, self.length, self.shape)
        if kind == cut.GRAIN:
            return cut.grains(labels, self.grain_type)
        return cut.boundaries(labels, self.grain_type, self.pairs)


def compact(one: Microstructure) -> LabelRuns:
    """A microstructure without what patches do not need."""
    value, length = label_runs.encode(one.labels)
    pairs = cut.undirected(one.edges)[0].astype(np.int32)
    return LabelRuns(one.name, one.labels.shape, value, length, one.grain_type, pairs)


def read(paths: Iterable[str | os.PathLike]) -> list[LabelRuns]:
    """The microstructures of some shards, in order of their names. Raises BadInput if a file is no shard."""
    return sorted((compact(one) for path in paths for one in shards.read(path)), key=lambda one: one.name)


def divided(many: Sequence[LabelRuns], fraction: float) -> tuple[list[LabelRuns], list[LabelRuns]]:
    """The microstructures to train on and those held out: a fraction of them by their names, at least one of each.

    Raises BadInput where there are fewer than two.
    """
    if len(many) < 2:
        raise BadInput(f"an encoder needs two microstructures or more, one to measure its error on; here: {len(many)}")
    place = {one.name: uniform("encoder", one.name) for one in many}
    last = sorted(many, key=lambda one: place[one.name])
    bound = min(max(fraction, np.nextafter(place[last[0].name], 1)), place[last[-1].name])
    train = [one for one in many if place[one.name] >= bound]
    return train, [one for one in many if place[one.name] < bound]


@dataclass(frozen=True)
class Sample:
    """Patches of a kind, all of some microstructures or evenly spaced ones among them.

    fraction  every 1/fraction-th patch: (numerator, denominator)
    """

    many: Sequence[LabelRuns]
    kind: str
    fraction: tuple[int, int] = (1, 1)

    @property
    def total(self) -> int:
        """The number of patches that there are before any is left out."""
        return sum(one.count(self.kind) for one in self.many)

    @property
    def size(self) -> int:
        """The number of patches of the sample."""
        return -(-self.total * self.fraction[0] // self.fraction[1])

    def at_most(self, limit: int) -> "Sample":
        """The sample cut down to at most `limit` patches; 0: all of it."""
        if not limit or self.size <= limit:
            return self
        return dataclasses.replace(self, fraction=(limit, self.total))

    def like(self, other: "Sample") -> "Sample":
        """The sample with the fraction of another one."""
        return dataclasses.replace(self, fraction=other.fraction)

    def batches(
        self, batch: int, permutation: Callable[[int], np.ndarray] | None = None, least: int = 1
    ) -> Iterator[np.ndarray]:
        """One pass: uint8 [batch, size, size], the last one smaller; one of fewer than `least` is joined to it.

        permutation  of n, drawn at random, for a pass in random order: of the microstructures, then of the patches
                     of some of them at a time
        """
        waiting: np.ndarray | None = None
        for pool in self._pools(permutation):
            pool = pool if waiting is None else np.concatenate([waiting, pool])
            whole = max(len(pool) - least, 0) // batch * batch
            for start in range(0, whole, batch):
                yield pool[start : start + batch]
            waiting = pool[whole:]
        if waiting is None:
            return
        for start in range(0, len(waiting), batch):
            if 0 < len(waiting) - start - batch < least:
                yield waiting[start:]
                return
            yield waiting[start : start + batch]

    def _pools(self, permutation: Callable[[int], np.ndarray] | None) -> Iterator[np.ndarray]:
        begin = np.cumsum([0, *(one.count(self.kind) for one in self.many)])
        order = range(len(self.many)) if permutation is None else permutation(len(self.many))
        pool: list[np.ndarray] = []
        for i in order:
            index = -(-np.arange(begin[i], begin[i + 1] + 1) * self.fraction[0] // self.fraction[1])
            kept = np.flatnonzero(np.diff(index))
            if kept.size:
                pool.append(self.many[i].patches(self.kind)[kept])
            if sum(map(len, pool)) >= POOL:
                yield _mixed(pool, permutation)
                pool = []
        if pool:
            yield _mixed(pool, permutation)

    @property
    def fingerprint(self) -> str:
        """A hash of all patches, 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.kind} {self.fraction}\n".encode())
        for one in self.many:
            digest.update(f"{one.name} {one.shape} {one.value.size} {len(one.pairs)}\n".encode())
            for array in (one.value, one.length, one.grain_type, one.pairs):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _mixed(pool: list[np.ndarray], permutation: Callable[[int], np.ndarray] | None) -> np.ndarray:
    together = np.concatenate(pool)
    return together if permutation is None else together[permutation(len(together))]
