"""Streams of the patches of a whole data set, with at most a few thousand in memory at once.

Only the run-length encoded label images stay in memory (about ten kilobytes each); every pass cuts the patches again.
Microstructures are sorted by name, so results do not depend on how a data set is divided into shards.
"""

import dataclasses
import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from graincast.encoders import patches
from graincast.files.name_hash import uniform
from graincast.graphs import label_runs, shards
from graincast.microstructure import BadInput, Microstructure

POOL = 4096  # patches in memory at once; a random order mixes patches within one pool


@dataclass(frozen=True)
class LabelRuns:
    """What patches are cut from: name, group, run-length encoded labels, grain types, undirected boundaries, axes."""

    name: str
    group: str
    shape: tuple[int, int]
    value: np.ndarray
    length: np.ndarray
    grain_type: np.ndarray
    pairs: np.ndarray
    periodic: tuple[bool, ...]

    def count(self, kind: str) -> int:
        """The number of patches of a kind."""
        return self.grain_type.size if kind == patches.GRAIN else len(self.pairs)

    def patches(self, kind: str) -> np.ndarray:
        """All patches of a kind, uint8 [count, size, size], in the order of the grains or boundaries."""
        labels = label_runs.decode(self.value, self.length, self.shape)
        if kind == patches.GRAIN:
            return patches.grains(labels, self.grain_type, periodic=self.periodic)
        return patches.boundaries(labels, self.grain_type, self.pairs, periodic=self.periodic)


def compact(microstructure: Microstructure) -> LabelRuns:
    """The part of a microstructure that patches need, run-length encoded."""
    m = microstructure
    pairs = patches.undirected(m.edges)[0].astype(np.int32)
    return LabelRuns(m.name, m.group, m.labels.shape, *label_runs.encode(m.labels), m.grain_type, pairs, m.periodic)


def read(paths: Iterable[str | os.PathLike]) -> list[LabelRuns]:
    """The microstructures of shards, sorted by name. Raises BadInput if a file is not a shard."""
    microstructures = (compact(microstructure) for path in paths for microstructure in shards.read(path))
    return sorted(microstructures, key=lambda runs: runs.name)


def divided(microstructures: Sequence[LabelRuns], fraction: float) -> tuple[list[LabelRuns], list[LabelRuns]]:
    """Training and held-out microstructures: `fraction` of the groups held out, by hash; never all or none.

    Raises BadInput for fewer than two groups.
    """
    position = {runs.group: uniform("encoder", runs.group) for runs in microstructures}
    if len(position) < 2:
        raise BadInput(
            "an encoder needs two source microstructures or more, as one is held out to measure its error; there are "
            f"{len(position)}"
        )
    bound = min(max(fraction, np.nextafter(min(position.values()), 1)), max(position.values()))
    train = [runs for runs in microstructures if position[runs.group] >= bound]
    return train, [runs for runs in microstructures if position[runs.group] < bound]


@dataclass(frozen=True)
class Sample:
    """The patches of one kind from a list of microstructures: all, or evenly spaced ones.

    fraction  of the patches that the sample holds: (numerator, denominator)
    """

    microstructures: Sequence[LabelRuns]
    kind: str
    fraction: tuple[int, int] = (1, 1)

    @property
    def total(self) -> int:
        """The number of patches before any is left out."""
        return sum(runs.count(self.kind) for runs in self.microstructures)

    @property
    def size(self) -> int:
        """The number of patches in the sample."""
        return -(-self.total * self.fraction[0] // self.fraction[1])

    def at_most(self, limit: int) -> "Sample":
        """The sample thinned to at most `limit` patches; 0: unlimited."""
        if not limit or self.size <= limit:
            return self
        return dataclasses.replace(self, fraction=(limit, self.total))

    def like(self, other: "Sample") -> "Sample":
        """The sample with the fraction of another."""
        return dataclasses.replace(self, fraction=other.fraction)

    def batches(
        self, batch: int, permutation: Callable[[int], np.ndarray] | None = None, least: int = 1
    ) -> Iterator[np.ndarray]:
        """One pass in batches, uint8 [batch, size, size]; the last may differ in size but has at least `least`.

        permutation  draws a permutation of n, for a pass in random order: of the microstructures, then of the patches
                     within each pool
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
        begin = np.cumsum([0, *(runs.count(self.kind) for runs in self.microstructures)])
        count = len(self.microstructures)
        order = range(count) if permutation is None else permutation(count)
        pool: list[np.ndarray] = []
        for i in order:
            index = -(-np.arange(begin[i], begin[i + 1] + 1) * self.fraction[0] // self.fraction[1])
            selected = np.flatnonzero(np.diff(index))
            if selected.size:
                pool.append(self.microstructures[i].patches(self.kind)[selected])
            if sum(map(len, pool)) >= POOL:
                yield _mixed(pool, permutation)
                pool = []
        if pool:
            yield _mixed(pool, permutation)

    @property
    def fingerprint(self) -> str:
        """A hash of all patches, 16 hexadecimal digits."""
        digest = hashlib.sha256(f"{self.kind} {self.fraction}\n".encode())
        for runs in self.microstructures:
            axes = "" if all(runs.periodic) else f" {runs.periodic}"
            digest.update(f"{runs.name} {runs.shape} {runs.value.size} {len(runs.pairs)}{axes}\n".encode())
            for array in (runs.value, runs.length, runs.grain_type, runs.pairs):
                digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()[:16]


def _mixed(pool: list[np.ndarray], permutation: Callable[[int], np.ndarray] | None) -> np.ndarray:
    stacked = np.concatenate(pool)
    return stacked if permutation is None else stacked[permutation(len(stacked))]
