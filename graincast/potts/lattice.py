"""The state of a simulation: labels, words, class lists, clock and records."""

import numpy as np

from graincast.potts import neighbourhoods
from graincast.potts.events import DRAWS, EVENTS, TIME, WORDS, advance


class Lattice:
    """A growing microstructure: labels, class lists and clock. The result does not depend on the lengths of its steps.

    labels       int32 [L, L], ids from 1, any L >= 4
    grain_type   int8 [n + 1] by id
    mobility     float64 [3, 3] by grain type
    record_times float64 [records], ascending from 0, in MCS; out_times and out_areas are filled as they pass
    stream       seed sequence of the random numbers
    """

    def __init__(
        self,
        labels: np.ndarray,
        grain_type: np.ndarray,
        *,
        temperature: float,
        mobility: np.ndarray,
        record_times: np.ndarray,
        stream: np.random.SeedSequence,
    ) -> None:
        size = len(labels)
        self.size = size
        self.grain_type = np.ascontiguousarray(grain_type, np.int8)
        self.flat = np.array(labels, np.int32).ravel()
        self.areas = np.bincount(self.flat, minlength=len(self.grain_type)).astype(np.int32)

        self.flip = neighbourhoods.flip_rates(temperature)
        self.mobility = mobility
        self.class_of, self.bound = neighbourhoods.classes(neighbourhoods.word_bounds(self.flip, mobility))
        self.inverse = 1 / np.where(self.bound > 0, self.bound, 1)
        self.steps = neighbourhoods.neighbour_steps(size).view(np.uint64)
        self.type_step = neighbourhoods.type_steps().view(np.uint64)

        self.word = neighbourhoods.words(labels, self.grain_type).ravel()
        self.members = np.empty((len(self.bound), size * size), np.uint32)
        self.length = np.zeros(len(self.bound), np.int64)
        self.place = np.empty(size * size, np.uint32)
        site_class = self.class_of[self.word & WORDS - 1]
        for k in range(len(self.bound)):
            sites = np.flatnonzero(site_class == k)
            self.members[k, : len(sites)] = sites
            self.length[k] = len(sites)
            self.place[sites] = np.arange(len(sites))
        self.order = np.arange(len(self.bound))

        self.rng = stream.generate_state(4, np.uint64)
        self.clock = np.array([0.0, self.length @ self.bound])
        self.counters = np.array([0, 0, 1])
        self.record_times = np.ascontiguousarray(record_times, np.float64)
        self.out_times = np.zeros(len(self.record_times))
        self.out_areas = np.zeros((len(self.record_times), len(self.areas)), np.int32)
        self.out_areas[0] = self.areas

    @property
    def labels(self) -> np.ndarray:
        """Current grain ids, int32 [L, L], a view."""
        return self.flat.reshape(self.size, self.size)

    @property
    def time(self) -> float:
        """Monte Carlo steps since the start."""
        return float(self.clock[TIME])

    @property
    def events(self) -> int:
        """Accepted flips since the start."""
        return int(self.counters[EVENTS])

    @property
    def draws(self) -> int:
        """Accepted and rejected flips since the start."""
        return int(self.counters[DRAWS])

    def advance(self, max_draws: int = 1 << 62, max_events: int = 1 << 62) -> bool:
        """Advance by at most this many draws or flips; True once the last record time is reached."""
        return advance(
            self.flat, self.word, self.class_of, self.bound, self.inverse, self.members, self.length, self.place,
            self.order, self.steps, self.grain_type, self.type_step, self.mobility, self.flip, self.areas, self.rng,
            self.clock, self.counters, self.record_times, self.out_times, self.out_areas, max_draws, max_events,
        )  # fmt: skip
