"""The state of a simulation: labels, words, class lists, clock and records."""

import numpy as np

from graincast.microstructure import CANDIDATE
from graincast.potts import neighbourhoods
from graincast.potts.events import (
    ALIKE_WORDS,
    BEFORE,
    CLASS_SIZE,
    DRAWS,
    EVENTS,
    FINISHED,
    FULL,
    LAST,
    MOVES,
    PLACES,
    RATE,
    RECORD,
    SINK,
    TIME,
    WORDS,
    advance,
)

ROOM = 64 * MOVES
"""Free entries that a list has at least when the lists are laid out anew."""


class Lattice:
    """A growing microstructure: labels, class lists and clock. The result does not depend on the lengths of its steps.

    labels       int [rows, columns], ids from 1, 0 for inert sites
    grain_type   int8 [n + 1] by id
    periodic     whether rows and columns go on at the other end; each that does has at least 3 sites. Where they do
                 not, one row or column of inert sites lies between the two ends.
    record_times float64 [records], ascending from 0, in MCS; out_times and out_areas are filled as they pass
    snapshots    whether out_labels, int32 [records, rows, columns], is filled too
    stream       seed sequence of the random numbers

    The state takes 8 bytes per site, and 4 for each entry that a class list may need.
    """

    def __init__(
        self,
        labels: np.ndarray,
        grain_type: np.ndarray,
        *,
        temperature: float,
        min_mobility: float,
        uniform: bool,
        record_times: np.ndarray,
        stream: np.random.SeedSequence,
        periodic: tuple[bool, bool] = (True, True),
        snapshots: bool = False,
    ) -> None:
        self.shape = labels.shape
        self.grain_type = np.ascontiguousarray(grain_type, np.int8)
        torus = np.asarray(labels, np.int32)
        if not all(periodic):
            torus = np.pad(torus, [(0, 0 if around else 1) for around in periodic])
        one_candidate = np.count_nonzero(self.grain_type[1:] == CANDIDATE) <= 1
        self.rates = rates = neighbourhoods.rates(
            float(temperature), float(min_mobility), bool(uniform), one_candidate, bool((torus == 0).any())
        )
        self.types = None
        if rates.mobility is not None:
            self.types = self.grain_type, rates.mobility, neighbourhoods.type_steps().view(np.uint64)
        self._place_sites(torus)
        self._areas = self._count_sites()

        self.rng = stream.generate_state(4, np.uint64)
        self.record_times = np.ascontiguousarray(record_times, np.float64)
        self.records = 1
        self.out_times = np.zeros(len(self.record_times))
        self.out_areas = np.zeros((len(self.record_times), len(self.grain_type)), np.int32)
        self.out_areas[0] = self._areas
        self.out_labels = np.zeros((len(self.record_times), *self.shape), np.int32) if snapshots else None
        if self.out_labels is not None:
            self.out_labels[0] = labels

    def _place_sites(self, torus: np.ndarray) -> None:
        """Set up the state, and all that does not change."""
        rates = self.rates
        rows, columns = torus.shape
        lines = -(-columns // 8)
        stride = 8 * (lines + 1 - lines % 2)  # an odd number of cache lines, lest columns compete for the same ones
        self._torus = rows, stride
        self.row = np.uint64(stride)
        self._extent = np.uint64(rows), np.uint64(columns)
        self.steps = neighbourhoods.neighbour_steps(torus.shape, stride).view(np.uint64)
        self.class_of = rates.class_of * np.uint8(CLASS_SIZE)
        self.flip_each = rates.flip / np.maximum(np.arange(neighbourhoods.NEIGHBOURS + 1), 1)

        # Bounds are multiples of a unit, so sums of them are exact and never drift; the largest stays below 2**62.
        most = max(1.0, float(rates.bound.max())) * torus.size
        unit = 2.0 ** -min(40, 61 - int(np.ceil(np.log2(most))))
        classes = len(rates.bound)
        self.bound = np.zeros(CLASS_SIZE * classes, np.uint64)
        self.bound[::CLASS_SIZE] = np.ceil(rates.bound / unit)
        self.bound[CLASS_SIZE::CLASS_SIZE] += np.uint64(1)  # a sum of floats may be rounded down
        self.bound_rate = self.bound * unit
        self.limit = np.zeros(CLASS_SIZE * classes, np.uint64)
        self.order = CLASS_SIZE * (1 + np.argsort(-rates.bound[1:], kind="stable")).astype(np.uint64)
        self.order = np.concatenate([self.order, np.zeros(max(4 - len(self.order), 1), np.uint64)])

        self._active = int(np.count_nonzero(torus))
        self._divide_bits(int(torus.max()))
        self.sites = self._sites(torus)
        members = self._sites_by_class()
        self._lay_out(members)

        self.clock = np.array([0.0, unit])
        lengths = np.array([0, *map(len, members)], np.uint64)
        self.counters = np.array([0, 0, 0])
        self.counters[RATE] = int((lengths * self.bound[::CLASS_SIZE]).sum())

    def _divide_bits(self, most: int) -> None:
        """Divide the bits of a site between word, place and label. most: the largest label."""
        self._place_shift = np.uint64((ALIKE_WORDS if self.types is None else WORDS).bit_length())
        places = PLACES + self._active + self._active // 2 + len(self.rates.bound) * 8 * ROOM
        self.label_shift = self._place_shift + np.uint64(places.bit_length())
        self._place_mask = (np.uint64(1) << self.label_shift) - (np.uint64(1) << self._place_shift)
        if int(self.label_shift) + most.bit_length() > 64:
            rows, columns = self.shape
            remedy = "take fewer sites, or larger grains: an initial state that has grown longer"
            raise ValueError(f"{rows} x {columns} sites with grain ids up to {most} do not fit: {remedy}")

    def _sites(self, torus: np.ndarray) -> np.ndarray:
        """The sites, all in the list of class 0: uint64. Columns beyond those of the torus are never reached."""
        rows, stride = self._torus
        sites = np.full((rows, stride), SINK << int(self._place_shift), np.uint64)
        words = neighbourhoods.words(torus, None if self.types is None else self.grain_type)
        sites[:, : torus.shape[1]] |= words
        sites[:, : torus.shape[1]] |= torus.astype(np.uint64) << self.label_shift
        return sites.ravel()

    def _sites_by_class(self) -> list[np.ndarray]:
        """The numbers of the sites of each class from 1, uint32, ascending."""
        site_class = self.rates.class_of[self.sites & np.uint64(len(self.rates.class_of) - 1)]
        site_class[self.sites >> self.label_shift == 0] = 0
        return [np.flatnonzero(site_class == k).astype(np.uint32) for k in range(1, len(self.rates.bound))]

    def _lay_out(self, members: list[np.ndarray]) -> None:
        """Put the lists one behind the other, each with room to grow. Their order stays."""
        capacity = [min(len(sites) + len(sites) // 2 + 8 * ROOM, self._active + ROOM) for sites in members]
        self.lists = np.zeros(PLACES + sum(capacity) + 1, np.uint32)  # one more, which may be looked ahead to
        self.lists[LAST] = self.lists[BEFORE] = SINK
        start = PLACES
        for k, (sites, size) in enumerate(zip(members, capacity, strict=True), 1):
            end = start + len(sites)
            self.lists[start:end] = sites
            self.sites[sites] &= ~self._place_mask
            self.sites[sites] |= np.arange(start, end, dtype=np.uint64) << self._place_shift
            self.lists[CLASS_SIZE * k + BEFORE], self.lists[CLASS_SIZE * k + LAST] = start - 1, end - 1
            start += size
            self.limit[CLASS_SIZE * k] = start - 1

    @property
    def members(self) -> list[np.ndarray]:
        """The lists of the classes from 1: numbers of sites, in the order of their places."""
        classes = self.lists[CLASS_SIZE : CLASS_SIZE * len(self.rates.bound)].reshape(-1, CLASS_SIZE)
        return [self.lists[before + 1 : last + 1] for last, before in classes]

    def _in_rows(self, sites: np.ndarray) -> np.ndarray:
        rows, columns = self.shape
        return sites.reshape(self._torus)[:rows, :columns]

    @property
    def labels(self) -> np.ndarray:
        """Current grain ids, int32 [rows, columns]."""
        return (self._in_rows(self.sites) >> self.label_shift).astype(np.int32)

    @property
    def areas(self) -> np.ndarray:
        """Current sites by grain id, int32 [n + 1]; entry 0 is zero."""
        return self._count_sites() if self.types is None else self._areas  # the event loop keeps them, or does not

    def _count_sites(self) -> np.ndarray:
        areas = np.bincount(self.labels.ravel(), minlength=len(self.grain_type)).astype(np.int32)
        areas[0] = 0
        return areas

    @property
    def words(self) -> np.ndarray:
        """Current words (events.py), uint32 [rows, columns]."""
        return (self._in_rows(self.sites) & ((np.uint64(1) << self._place_shift) - np.uint64(1))).astype(np.uint32)

    @property
    def places(self) -> np.ndarray:
        """The place of each site in the lists, int64 [rows, columns]; SINK for sites in none."""
        return ((self._in_rows(self.sites) & self._place_mask) >> self._place_shift).astype(np.int64)

    @property
    def numbers(self) -> np.ndarray:
        """The number of each site, int64 [rows, columns]."""
        return self._in_rows(np.arange(len(self.sites)))

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
        last_draw, last_event = self.draws + max_draws, self.events + max_events
        while self.records < len(self.record_times) and self.draws < last_draw and self.events < last_event:
            status = advance(
                self.sites, self.lists, self.label_shift, self.types, self.class_of, self.bound, self.bound_rate,
                self.limit, self.rates.plain_rate, self.order, self.row, self._extent, self.steps, self.flip_each,
                self._areas, self.rng, self.clock, self.counters, self.record_times[-1],
                self.record_times[self.records], last_draw - self.draws, last_event - self.events,
            )  # fmt: skip
            if status == FULL:
                self._lay_out([sites.copy() for sites in self.members])
            elif status == RECORD:
                self._record(int(np.searchsorted(self.record_times, self.time, side="right")), self.time)
            elif status == FINISHED:
                self._record(len(self.record_times), None)
        return self.records == len(self.record_times)

    def _record(self, until: int, time: float | None) -> None:
        """Fill the records up to this one; their time is this one, or where there is none, what was asked for."""
        to = np.s_[self.records : until]
        self.out_times[to] = self.record_times[to] if time is None else time
        self.out_areas[to] = self.areas
        if self.out_labels is not None:
            self.out_labels[to] = self.labels
        self.records = until
