"""A plain kinetic Monte Carlo of the same model, as SPPARKS does it (app potts/ori, tree solver): the reference.

Each site holds the total rate of its flips, and a binary tree the sums of rates. An event takes one way down the tree.
Then the flips of the flipped site and of its eight neighbours are worked out from the labels, and each takes one way
up. Exact like the event loop of graincast, so both sample the same process; this one is short enough to check by eye.
"""

import numpy as np
from numba import njit

from graincast.potts.neighbourhoods import STEPS, flip_rates, mobilities


class TreeKmc:
    """A growing microstructure on a square periodic lattice.

    labels      int [L, L], ids from 1; grain_type int8 [n + 1] by id
    """

    def __init__(
        self,
        labels: np.ndarray,
        grain_type: np.ndarray,
        *,
        temperature: float,
        min_mobility: float,
        uniform: bool,
        seed: int,
    ) -> None:
        self.labels = np.array(labels, np.int32)
        self.grain_type = np.array(grain_type, np.int8)
        self.flip, self.mobility = flip_rates(temperature), mobilities(min_mobility, uniform)
        self.leaves = 1 << int(np.ceil(np.log2(self.labels.size)))
        self.tree = np.zeros(2 * self.leaves)
        self.random = np.random.default_rng(seed)
        self.time, self.events = 0.0, 0
        rows, columns = np.indices(self.labels.shape)
        near = [(rows + down) % len(labels) * len(labels) + (columns + right) % len(labels) for down, right in STEPS]
        self.near = np.stack(near, axis=-1).reshape(-1, len(STEPS)).astype(np.int32)
        self.model = self.labels.ravel(), self.near, self.grain_type, self.flip, self.mobility
        _fill(self.model, self.tree)

    def advance(self, end: float, max_events: int) -> None:
        """Advance to a time, or by so many flips."""
        self.time, events = _advance(self.model, self.tree, self.random, self.time, end, max_events)
        self.events += events


@njit
def _rates(model, site, spins, counts, rates):
    """The distinct foreign grains beside a site and the rates of its flips to them; returns how many, and their sum."""
    labels, near, grain_type, flip, mobility = model
    own = labels[site]
    same = found = 0
    for m in range(8):
        spin = labels[near[site, m]]
        if spin == own:
            same += 1
            continue
        k = 0
        while k < found and spins[k] != spin:
            k += 1
        if k == found:
            spins[k], counts[k] = spin, 0
            found += 1
        counts[k] += 1
    total = 0.0
    for k in range(found):
        rates[k] = mobility[grain_type[own], grain_type[spins[k]]] * flip[same, counts[k]]
        total += rates[k]
    return found, total


@njit
def _fill(model, tree):
    spins, counts, rates = np.empty(8, np.int32), np.empty(8, np.int64), np.empty(8)
    leaves = len(tree) // 2
    for site in range(len(model[0])):
        tree[leaves + site] = _rates(model, site, spins, counts, rates)[1]
    for node in range(leaves - 1, 0, -1):
        tree[node] = tree[2 * node] + tree[2 * node + 1]


@njit
def _update(model, tree, site, spins, counts, rates):
    node = len(tree) // 2 + site
    tree[node] = _rates(model, site, spins, counts, rates)[1]
    while node > 1:
        node >>= 1
        tree[node] = tree[2 * node] + tree[2 * node + 1]


@njit
def _advance(model, tree, random, time, end, max_events):
    labels, near = model[0], model[1]
    spins, counts, rates = np.empty(8, np.int32), np.empty(8, np.int64), np.empty(8)
    leaves = len(tree) // 2
    for event in range(max_events):
        if tree[1] <= 0.0:
            return end, event
        time += -np.log(1.0 - random.random()) / tree[1]
        if time >= end:
            return end, event
        left, node = random.random() * tree[1], 1
        while node < leaves:
            node *= 2
            if left >= tree[node]:
                left -= tree[node]
                node += 1
        site = node - leaves
        found, _ = _rates(model, site, spins, counts, rates)
        choice = 0
        while choice < found - 1 and left >= rates[choice]:
            left -= rates[choice]
            choice += 1
        labels[site] = spins[choice]
        _update(model, tree, site, spins, counts, rates)
        for m in range(8):
            _update(model, tree, near[site, m], spins, counts, rates)
    return time, max_events
