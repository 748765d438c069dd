"""The Potts simulator against its master equation, its bookkeeping, known kinetics and SPPARKS's own runs."""

import copy

import numpy as np
import pytest
from scipy import linalg, stats

from benchmarks.comparison import raw_data_root
from benchmarks.potts import ranks_among_spparks, spparks_states
from graincast.microstructure import LOW_MOBILITY
from graincast.potts import protocol
from graincast.potts.events import BEFORE, CLASS_SIZE, RATE, SINK, UNIT
from graincast.potts.lattice import Lattice
from graincast.potts.neighbourhoods import STEPS, words

BLOB = np.array([[1, 1, 1, 2], [1, 2, 2, 2], [1, 2, 2, 1], [1, 1, 2, 2]], np.int32)


def lattice(
    labels, grain_type, seed, *, temperature=0.9, min_mobility=0.001, uniform=False, end=1e12, periodic=(True, True)
):
    return Lattice(
        labels,
        np.array(grain_type, np.int8),
        temperature=temperature,
        min_mobility=min_mobility,
        uniform=uniform,
        record_times=np.array([0.0, end]),
        stream=np.random.SeedSequence(seed),
        periodic=periodic,
    )


def runs(simulated, seeds):
    """Copies of a lattice, each with random numbers of its own: setting one up takes longer than a short run."""
    for seed in seeds:
        run = copy.deepcopy(simulated, {id(simulated.rates): simulated.rates})
        run.rng = np.random.SeedSequence(seed).generate_state(4, np.uint64)
        yield run


def neighbour_labels(labels, periodic=(True, True)):
    """Labels of the eight neighbours, [8, ..., rows, columns]; 0 where there is none."""
    rows, columns = labels.shape[-2:]
    around = [(0, 0)] * (labels.ndim - 2) + [(0, 0 if whole else 1) for whole in periodic]
    torus = np.pad(labels, around)
    return np.stack([np.roll(torus, step, (-2, -1))[..., :rows, :columns] for step in STEPS])


def test_two_grains_follow_their_master_equation():
    """Occupation times, flips and the end (one grain left) of 4x4 lattices against the enumerated generator."""
    temperature = 1.5
    states, orbit = square_orbits(4)
    energy, rates, ends = generator(states, orbit, temperature)
    size = np.bincount(orbit)

    # Detailed balance: equal flows both ways between states that can be reached from one another.
    flow = (size * np.exp(-energy / temperature))[:, None] * rates
    both = (rates > 0) & (rates.T > 0)
    np.testing.assert_allclose(flow[both], flow.T[both])
    assert both.sum() > 0.95 * (rates > 0).sum()

    count = 1500
    power = 1 << np.arange(16)
    occupied = np.zeros((count, len(size)))
    flips = np.zeros((len(size), len(size)))
    winner = np.zeros(count, np.int64)
    for run, simulated in enumerate(runs(lattice(BLOB, [0, 0, 2], 0, temperature=temperature), range(count))):
        before, time = orbit[(simulated.labels.ravel() - 1) @ power], 0.0
        while before not in ends:
            simulated.advance(max_events=1)
            after = orbit[(simulated.labels.ravel() - 1) @ power]
            occupied[run, before] += simulated.time - time
            flips[before, after] += 1
            before, time = after, simulated.time
        winner[run] = simulated.labels.ravel()[0]

    start = orbit[(BLOB.ravel() - 1) @ power]
    moving_states = np.setdiff1d(np.arange(len(size)), ends)
    outflow = np.diag(rates.sum(1)) - rates
    expected = np.zeros(len(size))
    expected[moving_states] = np.linalg.solve(outflow[np.ix_(moving_states, moving_states)].T, moving_states == start)

    levels, level = np.unique(energy, return_inverse=True)
    measured = np.stack([occupied[:, level == k].sum(1) for k in range(1, len(levels))], axis=1)
    predicted = np.bincount(level, expected)[1:]
    common = (measured > 0).sum(0) > 100
    excess = (measured - predicted)[:, common]
    statistic = count * excess.mean(0) @ np.linalg.solve(np.cov(excess.T), excess.mean(0))
    assert common.sum() > 5
    assert stats.chi2.sf(statistic, common.sum()) > 1e-3
    assert stats.ttest_1samp(occupied.sum(1), expected.sum()).pvalue > 1e-3

    exposure = occupied.sum(0)[:, None] * rates
    assert flips[exposure == 0].sum() == 0
    enough = exposure > 10
    statistic = ((flips - exposure)[enough] ** 2 / exposure[enough]).sum()
    assert enough.sum() > 100
    assert 1e-3 < stats.chi2.sf(statistic, enough.sum()) < 1 - 1e-3

    to_two = (expected[:, None] * rates)[:, orbit[-1]].sum()
    assert stats.binomtest(int((winner == 2).sum()), count, to_two).pvalue > 1e-3


def square_orbits(size):
    """All two-grain states as bit patterns, and the number of each state's class of symmetric states."""
    states = np.arange(1 << size * size)
    bits = states[:, None] >> np.arange(size * size) & 1
    power = 2.0 ** np.arange(size * size).reshape(size, size)
    turned = [np.rot90(p, k) for p in (power, power.T) for k in range(4)]
    moved = [np.roll(p, shift, (0, 1)).ravel() for p in turned for shift in np.ndindex(size, size)]
    least = (bits @ np.array(moved).T).min(axis=1)
    return bits, np.unique(least, return_inverse=True)[1]


def generator(bits, orbit, temperature):
    """Energies, rates between classes of states, and the two classes with one grain."""
    size = int(np.sqrt(bits.shape[1]))
    labels = bits.reshape(-1, size, size)
    same = (neighbour_labels(labels) == labels).sum(0)
    energy_by_state = (8 - same).sum((1, 2)) // 2
    rate = np.where(same < 8, np.exp(-np.maximum(2 * same - 8, 0) / temperature), 0).reshape(len(bits), -1)
    flipped = np.arange(len(bits))[:, None] ^ 1 << np.arange(size * size)
    _, first = np.unique(orbit, return_index=True)
    rates = np.zeros((len(first), len(first)))
    np.add.at(rates, (np.arange(len(first))[:, None], orbit[flipped[first]]), rate[first])
    return energy_by_state[first], rates, (orbit[0], orbit[-1])


BORDERS = [((True, True), 0.0), ((False, True), 0.0), ((True, False), 0.2), ((False, False), 0.1)]
"""Which axes are periodic, and the share of inert sites."""


@pytest.mark.parametrize(("periodic", "inert"), BORDERS)
def test_flips_of_many_grains_occur_at_their_rates(periodic, inert):
    """Where up to six grains meet: counts of flips by kind against exposure, and exponential waiting times."""
    kind = np.array([0, 0, 2, 2, 1, 1, 2])
    rng = np.random.default_rng(4)
    waits, expected, counted = [], np.zeros(1 << 12), np.zeros(1 << 12)
    for seed in range(120):
        start = np.where(rng.random((8, 9)) < inert, 0, rng.integers(1, 7, (8, 9)))
        simulated = lattice(start, kind, seed, temperature=1.1, min_mobility=0.3, periodic=periodic)
        steps = [(simulated.labels, 0.0)]
        while len(steps) < 400 and simulated.counters[RATE] > 0:
            simulated.advance(max_events=1)
            steps.append((simulated.labels, simulated.time))
        states, wait = np.array([labels for labels, _ in steps]), np.diff([time for _, time in steps])
        if wait[-1] > 1e9:  # no further flip: the lattice went on to its end
            states, wait = states[:-1], wait[:-1]
        before, after = states[:-1], states[1:]
        rate, sort = rates_of_all_flips(before, kind, periodic, temperature=1.1, min_mobility=0.3)
        changed = before != after
        assert (changed.sum((1, 2)) == 1).all()
        flipped = changed[..., None] & (after[..., None] == np.arange(1, 7))
        assert (rate[flipped] > 0).all()
        waits.append(wait * rate.sum((1, 2, 3)))
        expected += np.bincount(sort.ravel(), (rate * wait[:, None, None, None]).ravel(), minlength=len(expected))
        counted += np.bincount(sort[flipped], minlength=len(counted))

    assert stats.kstest(np.concatenate(waits), "expon").pvalue > 1e-3
    enough = expected > 10
    statistic = ((counted - expected)[enough] ** 2 / expected[enough]).sum()
    assert enough.sum() > 100
    assert 1e-4 < stats.chi2.sf(statistic, enough.sum()) < 1 - 1e-4  # four cases, two sides

    same, other = np.arange(1 << 12) // 9 % 9, np.arange(1 << 12) % 9
    climb = np.maximum(same - other, 0)
    expected, counted = np.bincount(climb, expected)[:5], np.bincount(climb, counted)[:5]
    assert expected.min() > 50
    assert stats.chi2.sf(((counted - expected) ** 2 / expected).sum(), 5) > 1e-3


def rates_of_all_flips(labels, kind, periodic, *, temperature, min_mobility):
    """The rate of each flip [..., rows, columns, grains] by the definition of the model, and its sort.

    A sort combines the number of grains that meet at the site, whether the boundary is fast, and how many neighbours
    belong to the grain that the site leaves and to the one it joins.
    """
    grains = np.arange(1, len(kind))
    neighbours = neighbour_labels(labels, periodic)
    count = np.stack([(neighbours == grain).sum(0) for grain in grains], axis=-1)
    own = np.maximum(labels, 1)[..., None] - 1
    same = np.take_along_axis(count, own, axis=-1)
    fast = kind[labels][..., None] + kind[grains] == 2
    fast &= (kind[labels][..., None] != 1) & (kind[grains] != 1)
    rate = np.where(fast, 1, min_mobility) * np.minimum(1, np.exp(-(same - count) / temperature))
    rate[(count == 0) | (labels[..., None] == grains) | (labels[..., None] == 0)] = 0
    meeting = (rate > 0).sum(-1, keepdims=True)
    return rate, ((meeting * 2 + fast) * 9 + same) * 9 + count


@pytest.mark.parametrize(
    ("periodic", "start"),
    [
        ((False, False), [[1, 1, 2], [1, 2, 2], [1, 1, 2]]),
        ((False, True), [[1, 1, 2], [1, 2, 2], [1, 1, 2]]),
        ((True, True), [[1, 1, 2, 0], [1, 0, 2, 2], [1, 1, 2, 1]]),
        ((False, False), [[1, 1, 2, 2, 1, 2, 1, 1]]),
    ],
)
def test_borders_and_inert_sites_follow_the_master_equation(periodic, start):
    """The distribution over all two-grain states of a tiny lattice at one time, against that of its generator."""
    start, temperature, time = np.array(start), 1.3, 1.5
    live = np.flatnonzero(start)
    bits = np.arange(1 << len(live))[:, None] >> np.arange(len(live)) & 1
    states = np.zeros((len(bits), start.size), int)
    states[:, live] = bits + 1
    states = states.reshape(-1, *start.shape)
    rate, _ = rates_of_all_flips(states, np.array([0, 0, 2]), periodic, temperature=temperature, min_mobility=0.001)
    generator = np.zeros((len(bits), len(bits)))
    rows = np.arange(len(bits))[:, None]
    generator[rows, rows ^ 1 << np.arange(len(live))] = rate.sum(-1).reshape(len(bits), -1)[:, live]

    neighbours = neighbour_labels(states, periodic)
    energy = ((neighbours != states) & (neighbours > 0) & (states > 0)).sum((0, 2, 3)) / 2
    flow = np.exp(-energy / temperature)[:, None] * generator
    both = (generator > 0) & (generator.T > 0)
    np.testing.assert_allclose(flow[both], flow.T[both])

    generator[rows[:, 0], rows[:, 0]] = -generator.sum(1)
    number = 1 << np.arange(len(live))
    expected = linalg.expm(generator * time)[(start.ravel()[live] - 1) @ number]
    count = 3000
    counted = np.zeros(len(bits))
    simulated = lattice(start, [0, 0, 2], 0, temperature=temperature, end=time, periodic=periodic)
    for growth in runs(simulated, range(count)):
        assert growth.advance()
        assert ((growth.labels == 0) == (start == 0)).all()
        counted[(growth.labels.ravel()[live] - 1) @ number] += 1
    common = expected * count > 5
    measured, predicted = (
        np.append(counted[common], counted[~common].sum()),
        np.append(expected[common], expected[~common].sum()),
    )
    assert common.sum() > 10
    assert stats.chisquare(measured[predicted > 0], count * predicted[predicted > 0]).pvalue > 1e-3


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, False)])
def test_an_inert_frame_is_a_border(periodic):
    """A map with a frame of inert sites grows as the same map without it and without periodic borders."""
    labels = protocol.initialise(24, temperature=0.9, time=5, quench_temperature=0.1, quench_time=3, seed=1)[:, :17]
    kind = np.ones(labels.max() + 1)
    times = np.linspace(0, 30, 7)

    def mean_areas(labels, periodic):
        runs = [
            protocol.grow(
                labels, kind, temperature=0.9, record_times=times, seed=s, uniform_mobility=True, periodic=periodic
            )
            for s in range(60)
        ]
        return np.array([(run.areas[1:] ** 2.0).sum(1) / labels.astype(bool).sum() for run in runs])

    framed, open_border = mean_areas(np.pad(labels, 1), periodic), mean_areas(labels, (False, False))
    difference = framed.mean(0) - open_border.mean(0)
    error = np.sqrt(framed.var(0, ddof=1) / 60 + open_border.var(0, ddof=1) / 60)
    assert (np.abs(difference) < 4 * error).all()
    whole = mean_areas(labels, (True, True))
    assert np.abs(whole.mean(0) - open_border.mean(0))[-1] > 4 * error[-1]  # so the test can tell them apart


def test_moving_a_periodic_state_around_moves_its_growth():
    """Means of many runs do not change where the state is moved, or turned, on the torus."""
    labels = protocol.initialise(20, temperature=0.9, time=5, quench_temperature=0.1, quench_time=3, seed=2)
    kind = protocol.assign_types(labels, 0.5, seed=2)

    def candidate_areas(labels, seeds):
        return [
            protocol.grow(labels, kind, temperature=0.9, record_times=[0, 30.0], seed=s).areas[
                1, kind.tolist().index(0, 1)
            ]
            for s in seeds
        ]

    reference = candidate_areas(labels, range(150))
    for moved, seeds in ((np.roll(labels, (7, 13), (0, 1)), range(150, 300)), (labels.T, range(300, 450))):
        assert stats.ks_2samp(reference, candidate_areas(moved, seeds)).pvalue > 1e-3


def test_snapshots_are_the_states_at_the_records():
    labels = protocol.initialise(16, temperature=0.9, time=5, quench_temperature=0.1, quench_time=3, seed=3)[:11]
    labels[3:5, 2:6] = 0
    kind = protocol.assign_types(labels, 0.5, seed=3)
    arguments = {"temperature": 0.9, "record_times": [0, 2.0, 9.0, 30.0], "seed": 5, "periodic": (False, True)}
    growth = protocol.grow(labels, kind, snapshots=True, **arguments)
    assert growth.snapshots.dtype == np.int32
    np.testing.assert_array_equal(growth.snapshots[0], labels)
    np.testing.assert_array_equal(growth.snapshots[-1], growth.labels)
    assert (np.diff(growth.snapshots, axis=0) != 0).any((1, 2)).all()
    for snapshot, areas in zip(growth.snapshots, growth.areas, strict=True):
        count = np.bincount(snapshot.ravel(), minlength=len(kind))
        np.testing.assert_array_equal(areas[1:], count[1:])
        assert areas[0] == 0
    without = protocol.grow(labels, kind, **arguments)
    assert without.snapshots is None
    np.testing.assert_array_equal(without.areas, growth.areas)


@pytest.mark.parametrize(
    ("temperature", "min_mobility", "uniform"), [(0.9, 0.001, False), (2.5, 0.2, False), (0.9, 1, True)]
)
@pytest.mark.parametrize(("periodic", "inert"), BORDERS)
def test_lists_and_rates_stay_consistent_with_the_labels(temperature, min_mobility, uniform, periodic, inert):
    rng = np.random.default_rng(1)
    labels = protocol.initialise(37, temperature=0.9, time=5, quench_temperature=0.1, quench_time=3, seed=1)[:, :30]
    labels[rng.random(labels.shape) < inert] = 0
    kind = np.concatenate([[0], rng.integers(0, 3, labels.max())]).astype(np.int8)
    simulated = lattice(
        labels, kind, 2, temperature=temperature, min_mobility=min_mobility, uniform=uniform, periodic=periodic
    )
    torus = tuple(0 if around else 1 for around in periodic)
    for _ in range(4):
        simulated.advance(max_events=5000)
        labels = simulated.labels
        around = np.pad(labels, [(0, extra) for extra in torus])
        word = words(around, simulated.types and kind)[: labels.shape[0], : labels.shape[1]]
        np.testing.assert_array_equal(simulated.words, word)
        np.testing.assert_array_equal(simulated.areas[1:], np.bincount(labels.ravel(), minlength=len(kind))[1:])

        classes = np.where(labels > 0, simulated.rates.class_of[word & len(simulated.rates.class_of) - 1], 0)
        bound = simulated.bound_rate[::CLASS_SIZE]
        assert simulated.counters[RATE] == round(bound[classes].sum() / simulated.clock[UNIT])
        members = simulated.members
        assert sum(map(len, members)) == (classes > 0).sum()
        assert (simulated.places[classes == 0] == SINK).all()
        place = dict(zip(simulated.numbers.ravel(), simulated.places.ravel(), strict=True))
        for k, sites in enumerate(members, 1):
            np.testing.assert_array_equal(np.sort(sites), simulated.numbers[classes == k])
            first = simulated.lists[CLASS_SIZE * k + BEFORE] + 1
            assert [place[site] for site in sites] == list(range(first, first + len(sites)))

        rate, _ = rates_of_all_flips(labels, kind, periodic, temperature=temperature, min_mobility=min_mobility)
        total = rate.sum(-1)
        assert (total <= bound[classes] + 1e-12).all()
        assert ((total > 0) == (bound[classes] > 0)).all()


@pytest.mark.parametrize("temperature", [0.9, 0.1])
@pytest.mark.parametrize("periodic", [(True, True), (False, True)])
def test_alike_grains_grow_the_same_with_and_without_types(temperature, periodic):
    labels = protocol.initialise(40, temperature=0.9, time=2, quench_temperature=0.1, quench_time=0, seed=1)
    kind = np.full(labels.max() + 1, LOW_MOBILITY, np.int8)
    times = np.linspace(0, 40, 5)
    untyped, typed = (
        protocol.grow(
            labels, kind, temperature=temperature, record_times=times, seed=3, periodic=periodic, snapshots=True, **same
        )
        for same in ({"uniform_mobility": True}, {"min_mobility": 1.0})
    )
    np.testing.assert_array_equal(untyped.snapshots, typed.snapshots)
    np.testing.assert_array_equal(untyped.areas, typed.areas)
    np.testing.assert_array_equal(untyped.times, typed.times)
    assert untyped.events == typed.events > 1000


def test_records_are_the_first_flips_after_their_times():
    labels = protocol.initialise(32, temperature=0.9, time=5, quench_temperature=0.1, quench_time=3, seed=3)
    kind = protocol.assign_types(labels, 0.5, seed=3)
    record_times = np.array([0, 0.5, 2.0, 2.001, 8.0, 20.0])
    reports = []
    growth = protocol.grow(
        labels,
        kind,
        temperature=0.9,
        record_times=record_times,
        seed=5,
        report=lambda done, total: reports.append((done, total)),
    )
    assert reports[-1] == (20.0, 20.0)
    np.testing.assert_array_equal(growth.areas.sum(1), 32 * 32)
    np.testing.assert_array_equal(growth.areas[0], np.bincount(labels.ravel()))
    np.testing.assert_array_equal(growth.areas[-1], np.bincount(growth.labels.ravel(), minlength=len(kind)))
    assert growth.times[0] == 0
    assert growth.times[-1] == 20.0

    stepped = Lattice(
        labels,
        kind,
        temperature=0.9,
        min_mobility=0.001,
        uniform=False,
        record_times=record_times,
        stream=np.random.SeedSequence(5, spawn_key=(3,)),
    )
    times, areas = [0.0], [stepped.areas.copy()]
    while not stepped.advance(max_events=1):
        times.append(stepped.time)
        areas.append(stepped.areas.copy())
    first = np.searchsorted(times, record_times[:-1])
    np.testing.assert_array_equal(growth.times[:-1], np.array(times)[first])
    np.testing.assert_array_equal(growth.areas[:-1], np.array(areas)[first])
    assert growth.events == stepped.events == len(times) - 1


def test_a_single_grain_is_recorded_to_the_end():
    times = np.array([0, 10.0, 1e7, 2e7, 3e7])
    growth = protocol.grow(BLOB, np.array([0, 0, 2]), temperature=0.9, record_times=times, seed=0)
    np.testing.assert_array_equal(growth.times[2:], times[2:])
    assert (growth.areas[-1] == 16).sum() == 1
    assert len(np.unique(growth.labels)) == 1


def test_a_seed_fixes_every_byte():
    def simulate(seed):
        labels = protocol.initialise(40, temperature=0.9, time=20, quench_temperature=0.1, quench_time=3, seed=seed)
        kind = protocol.assign_types(labels, 0.3, seed=seed)
        times = np.linspace(0, 300, 7)
        growth = protocol.grow(labels, kind, temperature=0.9, record_times=times, seed=seed)
        return labels, kind, growth.times, growth.areas, growth.labels

    first, second, other = simulate(7), simulate(7), simulate(8)
    assert all(a.dtype == b.dtype and a.tobytes() == b.tobytes() for a, b in zip(first, second, strict=True))
    assert all(a.tobytes() != b.tobytes() for a, b in zip(first, other, strict=True))


def test_initial_states_are_numbered_without_gaps_and_types_are_drawn_at_their_fraction():
    labels = protocol.initialise(33, temperature=0.9, time=10, quench_temperature=0.1, quench_time=3, seed=0)
    assert labels.dtype == np.int32
    np.testing.assert_array_equal(np.unique(labels), np.arange(1, labels.max() + 1))
    kind = protocol.assign_types(np.array([[1, 1, 2, 2]] * 4), 1.0, seed=0)
    assert kind.dtype == np.int8
    np.testing.assert_array_equal(kind, [0, 0, 2])
    types = protocol.assign_types(np.arange(1, 10001).reshape(100, 100), 0.2, seed=0)
    assert (types[1:] == 0).sum() == 1
    assert stats.binomtest(int((types[1:] == 2).sum()), 9999, 0.2).pvalue > 1e-3


def test_grain_area_grows_linearly_at_uniform_mobility():
    """Normal grain growth: mean area proportional to time (Burke & Turnbull)."""
    size = 256
    labels = np.arange(1, size * size + 1).reshape(size, size)
    times = np.arange(0, 201, 20.0)
    growth = protocol.grow(
        labels, np.ones(size * size + 1), temperature=0.9, record_times=times, seed=0, uniform_mobility=True
    )
    mean_area = size * size / (growth.areas > 0).sum(1)
    fit = stats.linregress(growth.times[1:], mean_area[1:])
    assert fit.rvalue**2 > 0.99
    assert abs(fit.intercept) < 0.2 * mean_area[-1]


@pytest.mark.parametrize(
    "invalid", [{"record_times": [1.0, 2.0]}, {"record_times": [0.0]}, {"temperature": 0}, {"min_mobility": 2}]
)
def test_bad_arguments_are_refused(invalid):
    arguments = {"temperature": 0.9, "record_times": [0.0, 1.0], "seed": 0} | invalid
    with pytest.raises(ValueError):
        protocol.grow(BLOB, np.array([0, 0, 2]), **arguments)


def test_more_grains_than_a_site_can_name_are_refused():
    most = 1 << 27
    labels = np.array([[1, 1, most], [1, most, most], [1, 1, most]])
    with pytest.raises(ValueError, match="grain ids up to 134217728 do not fit: take fewer sites"):
        lattice(labels, np.ones(most + 1, np.int8), seed=0)
    assert lattice(np.maximum(labels // 64, 1), np.ones(most // 64 + 1, np.int8), seed=0).labels.max() == most // 64


def test_growth_ranks_among_runs_of_spparks():
    """One run of each state: growth ratios and grain counts rank like SPPARKS's five (benchmarks.potts runs more)."""
    if not (raw_data_root() / "spparks-runs").is_dir():
        pytest.skip(f"no SPPARKS runs under {raw_data_root()}: set RAW_DATA_ROOT")
    p_ratios, p_counts = ranks_among_spparks(spparks_states(raw_data_root()), runs=1)
    assert p_ratios > 0.005
    assert p_counts > 0.005
