"""The event loop: the n-fold way on lists of sites with similar flip rates.

A site's word holds all that bounds its flip rate; when a neighbour flips, one addition keeps it up to date:

    bits 0-3    neighbours of the same grain          bits 12-13  grain type of the site, 3 if it is inert
    bits 4-7    neighbours in high-mobility grains    bits 14-17  inert neighbours
    bits 8-11   neighbours in candidate grains        bit 18      whether the site lies on an edge of the lattice

Where all sites are alike, bits 0-3 count the neighbours not of the same grain instead, and bit 4 stands for the edge.

Words with similar bounds form a class (neighbourhoods.py). Each site is in the list of its class, and is drawn at the
class's bound. A drawn site flips with probability rate / bound; otherwise only time passes. This thinning of a Poisson
process leaves the distribution of the flips and their times exactly that of the rejection-free model; about 9 draws in
10 flip. A flip costs nine additions to words and as many moves between lists. Only for the drawn site is it looked up
which grains meet there.

The state is two arrays (lattice.py), small because caches decide on large lattices:

    sites   uint64, one per site: word, place in the list, label, from the lowest bits
    lists   uint32, per class the places of its last site and before its first; then the lists, of numbers of sites

Sites that cannot flip are in no list. Their class, index 0, has a list of one place that never changes (SINK), so a
move needs no branch: a wrong guess of the processor would cost more than the move.

Random numbers are drawn one draw ahead, so that the site that is likely next is fetched meanwhile. A wrong forecast
costs time only.

No result depends on the machine: everything is integers, or additions, multiplications and divisions of floats.
Numba renews its compiled copy on disk only when this file changes, so layout and tables are defined here too.
"""

import functools
from decimal import Decimal, localcontext
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba import types as numba_types
from numba.extending import intrinsic

from graincast.program.compiled import compiled

HIGH_SHIFT, CANDIDATE_SHIFT, TYPE_SHIFT, INERT_SHIFT = 4, 8, 12, 14
PLAIN_WORDS, WORDS, ALIKE_WORDS = 1 << INERT_SHIFT, 1 << 18, 1 << 4
"""Numbers of words without the bit for the edge: without inert neighbours, all, and where all sites are alike.

The latter two are the bit for the edge, too. The place of the site begins one bit above it.
"""
MAX_CLASSES = 64
CLASS_SIZE = 2
LAST, BEFORE = 0, 1  # of a class's list, from the index of the class: the places of its last site and before its first
SINK = CLASS_SIZE * MAX_CLASSES
"""The only place of the list of class 0."""
PLACES = SINK + 1
"""The first place of the other lists."""
MOVES = 9
"""A flip adds at most so many sites to a list."""
LEAST_ROOM = 16
"""Number of flips for which each list must have room."""

TIME, UNIT = 0, 1  # entries of clock; UNIT: rates are counted in multiples of this
EVENTS, DRAWS, RATE = 0, 1, 2  # entries of counters; RATE: sum of the bounds of all sites
RUNNING, RECORD, FINISHED, FULL = range(4)
"""Why `advance` returned: a limit, a flip at or after `record_time`, the end, or a list without room."""

# Unsigned throughout the kernel: numba guards signed indices against negative values, and mixing the two gives floats.
U = np.uint64
_ZERO, _ONE, _EIGHT, _CLASS = U(0), U(1), U(8), U(CLASS_SIZE)
_COUNT_MASK, _TYPE_MASK, _LAYER_MASK = U(15), U(3), U(255)
_TYPE_SHIFT = U(TYPE_SHIFT)
_PLAIN_WORDS, _ALIKE_WORDS, _WORD_MASK = U(PLAIN_WORDS), U(ALIKE_WORDS), U(WORDS - 1)
_PLACE_SHIFT, _ALIKE_PLACE_SHIFT = U(WORDS.bit_length()), U(ALIKE_WORDS.bit_length())
_SORT_MASK = (1 << 16) - 1  # classes are sorted by weight again after this many draws


def _ziggurat() -> tuple[np.ndarray, np.ndarray]:
    """Edges of 256 layers of equal area under exp(-x), and exp(-x) there (Marsaglia & Tsang 2000). float64 [257].

    Layer i covers 0..edge[i + 1]; layer 255 is the base, whose box is as large as the base with the tail.
    Decimal arithmetic is the same everywhere, unlike a machine's exp and log.
    """
    with localcontext() as context:
        context.prec = 25
        tail, area = Decimal("7.69711747013104972"), Decimal("0.0039496598225815571993")
        edges = [Decimal(0)] * 257
        edges[256], edges[255] = area / (-tail).exp(), tail
        for i in range(254, 0, -1):
            edges[i] = -((-edges[i + 1]).exp() + area / edges[i + 1]).ln()
        return np.array([float(x) for x in edges]), np.array([float((-x).exp()) for x in edges])


_EDGE, _DENSITY = _ziggurat()
_SCALE = _EDGE[1:] * 2.0**-53  # 53 random bits to a number in the layer
_INSIDE = (_EDGE[:-1] / _EDGE[1:] * 2.0**53).astype(np.uint64)  # below this, it lies under the curve for certain


def _upper_half(context: Any, x: Any, y: Any) -> Any:
    """The upper 64 bits of a product of two 64-bit numbers: for random x, a random integer below y."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        wide = type(arguments[0].type)(128)
        product = builder.mul(*(builder.zext(argument, wide) for argument in arguments))
        return builder.trunc(builder.lshr(product, wide(64)), arguments[0].type)

    return numba_types.uint64(numba_types.uint64, numba_types.uint64), code


_product_high: Any = intrinsic(_upper_half)


def _prefetch(context: Any, array: Any, index: Any) -> Any:
    """Have the cache line of an entry fetched for writing. Any index is allowed."""

    def code(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(array)(context, builder, arguments[0]).data
        pointer, number = ir.IntType(8).as_pointer(), ir.IntType(32)
        kind = ir.FunctionType(ir.VoidType(), [pointer, number, number, number])
        fetch = builder.module.declare_intrinsic("llvm.prefetch", [pointer], kind)
        entry = builder.bitcast(builder.gep(data, [arguments[1]]), pointer)
        builder.call(fetch, [entry, number(1), number(3), number(1)])  # for writing, to stay in all levels, data
        return context.get_dummy_value()

    return numba_types.void(array, numba_types.uint64), code


_fetch: Any = intrinsic(_prefetch)


@njit
def _rotate(x, by):
    return (x << U(by)) | (x >> U(64 - by))


@njit
def _random(s0, s1, s2, s3):
    """64 random bits and the next state: xoshiro256++ (Blackman & Vigna 2021)."""
    x = _rotate(s0 + s3, 23) + s0
    t = s1 << U(17)
    s2 ^= s0
    s3 ^= s1
    s1 ^= s2
    s0 ^= s3
    return x, s0, s1, s2 ^ t, _rotate(s3, 45)


@njit
def _uniform(x):
    return np.int64(x >> U(11)) * 2.0**-53


@njit
def _exp_minus(x):
    """exp(-x) for 0 <= x < 8: the Taylor series at x / 256, then eight squarings."""
    y = x * (-1 / 256)
    power = 1 + y * (1 + y * (1 / 2 + y * (1 / 6 + y * (1 / 24 + y * (1 / 120 + y * (1 / 720))))))
    for _ in range(8):
        power *= power
    return power


@njit
def _exponential_slow(x, s0, s1, s2, s3):
    """What `_exponential` returns where its first number does not lie under the curve for certain."""
    tail = 0.0
    while True:
        layer, bits = x & _LAYER_MASK, x >> U(11)
        height = np.int64(bits) * _SCALE[layer]
        if bits < _INSIDE[layer]:
            return tail + height, s0, s1, s2, s3
        x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
        if layer == _LAYER_MASK:
            tail += _EDGE[255]  # beyond it, an exponential distribution begins anew; x is its first number
            continue
        top, bottom = _DENSITY[layer], _DENSITY[layer + _ONE]
        if bottom + _uniform(x) * (top - bottom) < _exp_minus(height):
            return tail + height, s0, s1, s2, s3
        x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)


@njit(forceinline=True)
def _exponential(s0, s1, s2, s3):
    """An exponential random number of mean 1 by the ziggurat method, and the next state of the generator."""
    x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
    layer, bits = x & _LAYER_MASK, x >> U(11)
    if bits >= _INSIDE[layer]:
        return _exponential_slow(x, s0, s1, s2, s3)
    return np.int64(bits) * _SCALE[layer], s0, s1, s2, s3


@njit(forceinline=True)
def _randoms(s0, s1, s2, s3):
    """The random numbers of a draw, for the time, the class and the site, and the next state of the generator."""
    wait, s0, s1, s2, s3 = _exponential(s0, s1, s2, s3)
    x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
    y, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
    return wait, x, y, s0, s1, s2, s3


@njit(forceinline=True)
def _fetch_neighbours(sites, site, row):
    """Fetch a site and its neighbours: in each row, the first and the last."""
    for middle in (site - row, site, site + row):
        _fetch(sites, middle - _ONE)
        _fetch(sites, middle + _ONE)


@njit(forceinline=True)
def _of_four(left, w0, w1, w2, k0, k1, k2, k3):
    """The class that `left` falls into, given where the first three end; without a branch."""
    k = k1 if left >= w0 else k0
    k = k2 if left >= w1 else k
    return k3 if left >= w2 else k


@njit(forceinline=True)
def _length(lists, k):
    return U(lists[k]) - U(lists[k + _ONE])


@njit(forceinline=True)
def _weight(lists, bound, k):
    return _length(lists, k) * bound[k]


@njit(forceinline=True)
def _member(lists, k, number):
    """A site of a list."""
    return U(lists[U(lists[k + _ONE]) + number + _ONE])


# Without types, all sites are alike, and a word counts the neighbours that are not of the same grain. numba leaves out
# what does not apply.


@njit(forceinline=True)
def _place_shift(types):
    if types is None:
        return _ALIKE_PLACE_SHIFT
    return _PLACE_SHIFT


@njit(forceinline=True)
def _is_plain(types, word):
    """Whether a site lies away from edges and inert sites."""
    if types is None:
        return word < _ALIKE_WORDS
    return word < _PLAIN_WORDS


@njit
def _edge(site, row, extent):
    """Which edges of the lattice a site lies on, as neighbourhoods.neighbour_steps numbers them."""
    number = _ZERO
    for at, count in ((site // row, extent[0]), (site % row, extent[1])):
        number = U(3) * number + U(at == _ZERO) + (U(at + _ONE == count) << _ONE)
    return number


@njit(forceinline=True)
def _class(types, class_of, content):
    """The index of the class of a site."""
    if types is None:
        return (content & _COUNT_MASK) * _CLASS
    return U(class_of[content & _WORD_MASK])


@njit(forceinline=True)
def _same(types, word):
    """Neighbours of the same grain."""
    if types is None:
        return _EIGHT - (word & _COUNT_MASK)
    return word & _COUNT_MASK


@njit(forceinline=True)
def _own_type(types, word):
    if types is None:
        return _ZERO
    return (word >> _TYPE_SHIFT) & _TYPE_MASK


@njit(forceinline=True)
def _type_of(types, grain):
    if types is None:
        return _ZERO
    return U(types[0][grain])


@njit(forceinline=True)
def _mobility(types, type_a, type_b):
    if types is None:
        return 1.0
    return types[1][type_a, type_b]


@njit(forceinline=True)
def _own_step(types, same, joined, type_a, type_b):
    """The change of a site's own word when it flips."""
    if types is None:
        return same - joined
    return joined - same + ((type_b - type_a) << _TYPE_SHIFT)


@njit(forceinline=True)
def _type_step(types, type_a, type_b):
    """The change of a word when a neighbour's grain changes its type."""
    if types is None:
        return _ZERO
    return types[2][type_b] - types[2][type_a]


@njit(forceinline=True)
def _move(sites, lists, types, class_of, bound, label_shift, site, change):
    """Change the word of a site and move it to the list of its new class; returns the change of its bound."""
    place_shift = _place_shift(types)
    content = sites[site]
    place = (content & ((_ONE << label_shift) - _ONE)) >> place_shift
    old = _class(types, class_of, content)
    content += change
    new = _class(types, class_of, content)
    end = U(lists[old])
    lists[old] = end - U(old != _ZERO)
    last = U(lists[end])
    lists[place] = last
    sites[last] += (place - end) << place_shift
    end = U(lists[new]) + U(new != _ZERO)
    lists[new] = end
    lists[end] = site
    sites[site] = content + ((end - place) << place_shift)
    return bound[new] - bound[old]


@njit(forceinline=True)
def _move_neighbour(sites, lists, types, class_of, bound, label_shift, site, difference, joined, change):
    """`_move` for a neighbour of the site that flips.

    difference, joined  labels, of the neighbour and of the grain that is joined, xor that of the grain that is left
    change              of the neighbour's word, as the one grain may be of another type than the other
    """
    step = change + U(difference == joined) - U(difference == _ZERO)
    if types is None:
        step = U(difference == _ZERO) - U(difference == joined)
    return _move(sites, lists, types, class_of, bound, label_shift, site, step)


@njit
def _room(lists, limit, n_classes):
    """The number of flips that certainly fit into the lists."""
    room = np.int64(1) << 40
    for i in range(1, n_classes):
        k = U(CLASS_SIZE * i)
        room = min(room, np.int64(limit[k]) - np.int64(lists[k]))
    return room // MOVES


@njit
def _sort(lists, bound, order):
    for i in range(1, len(order)):
        k = order[U(i)]
        j = U(i)
        while j > _ZERO and _weight(lists, bound, order[j - _ONE]) < _weight(lists, bound, k):
            order[j] = order[j - _ONE]
            j -= _ONE
        order[j] = k


@functools.partial(compiled, nogil=True, error_model="numpy")
def advance(
    sites, lists, label_shift, types, class_of, bound, bound_rate, limit, plain_rate, order, row, extent, steps,
    flip_each, areas, rng, clock, counters, end_time, record_time, max_draws, max_events,
):  # fmt: skip
    """Advance to the first flip at or after record_time, to end_time, or by max_draws draws or max_events flips.

    The arrays are those of Lattice and hold all state; returns why it stopped. max_draws and max_events limit a call,
    not the results.

    types holds the type of each grain, the mobilities, and the change of a word for one more neighbour of each type. It
    is None at one mobility everywhere, without inert sites; then `areas` is not kept up to date.
    """
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    time, unit = clock[TIME], clock[UNIT]
    events, draws, total = counters[EVENTS], counters[DRAWS], U(counters[RATE])
    last_draw, last_event = draws + max_draws, events + max_events
    n_classes = U(len(order))
    near = np.empty(8, np.uint64)
    status = RUNNING
    while status == RUNNING and draws < last_draw and events < last_event:
        room = _room(lists, limit, len(limit) // CLASS_SIZE)
        if room < LEAST_ROOM:
            status = FULL
            break
        if draws & _SORT_MASK == 0:
            _sort(lists, bound, order)
        k0, k1, k2, k3 = order[0], order[1], order[2], order[3]
        next_wait, next_x, next_y, n0, n1, n2, n3 = _randoms(s0, s1, s2, s3)
        pause_draw, pause_event = min(last_draw, (draws | _SORT_MASK) + 1), min(last_event, events + room)
        while draws < pause_draw and events < pause_event:
            if total == _ZERO:
                time = end_time
                status = FINISHED
                break
            draws += 1
            rate = np.float64(np.int64(total))
            wait, x, y = next_wait, next_x, next_y
            s0, s1, s2, s3 = n0, n1, n2, n3
            next_wait, next_x, next_y, n0, n1, n2, n3 = _randoms(s0, s1, s2, s3)
            time += wait / (rate * unit)
            if time >= end_time:
                time = end_time
                status = FINISHED
                break

            # Draw a class by weight: mostly one of the first four, without a branch.
            left = _product_high(x, total)
            w0 = _weight(lists, bound, k0)
            w1 = w0 + _weight(lists, bound, k1)
            w2 = w1 + _weight(lists, bound, k2)
            w3 = w2 + _weight(lists, bound, k3)
            if left < w3:
                k = _of_four(left, w0, w1, w2, k0, k1, k2, k3)
            else:
                left -= w3
                i = U(4)
                k = order[i]
                while i < n_classes:
                    k = order[i]
                    weight = _weight(lists, bound, k)
                    if left < weight:
                        break
                    left -= weight
                    i += _ONE

            # Then a site of its list; the rest of that random number decides on the flip.
            length = _length(lists, k)
            site = _member(lists, k, _product_high(y, length))
            left_rate = _uniform(y * length) * bound_rate[k]

            # Fetch the site that comes next if this draw does not change which.
            k = _of_four(_product_high(next_x, total), w0, w1, w2, k0, k1, k2, k3)
            number = _product_high(next_y, _length(lists, k))
            _fetch_neighbours(sites, _member(lists, k, number), row)
            if types is None:  # here it pays to fetch those, too, that come next if a list becomes longer or shorter
                _fetch_neighbours(sites, _member(lists, k, number + _ONE), row)
                _fetch_neighbours(sites, _member(lists, k, number - _ONE), row)

            content = sites[site]
            word, a = content & ((_ONE << _place_shift(types)) - _ONE), content >> label_shift
            same = _same(types, word)
            type_a = _own_type(types, word)

            if _is_plain(types, word):
                up, down = site - row, site + row
                d0 = (sites[up - _ONE] >> label_shift) ^ a
                d1 = (sites[up] >> label_shift) ^ a
                d2 = (sites[up + _ONE] >> label_shift) ^ a
                d3 = (sites[site - _ONE] >> label_shift) ^ a
                d4 = (sites[site + _ONE] >> label_shift) ^ a
                d5 = (sites[down - _ONE] >> label_shift) ^ a
                d6 = (sites[down] >> label_shift) ^ a
                d7 = (sites[down + _ONE] >> label_shift) ^ a
                # If two grains meet, as mostly, the differences are 0 or all the same: their union, 8 - same times.
                b = ((d0 | d1) | (d2 | d3)) | ((d4 | d5) | (d6 | d7))
                joined = _EIGHT - same
                if ((d0 + d1) + (d2 + d3)) + ((d4 + d5) + (d6 + d7)) == b * joined:
                    if left_rate >= plain_rate[word]:
                        continue
                    type_b = _type_of(types, b ^ a)
                else:
                    # Each grain's rate is split equally among the neighbours in it.
                    near[0], near[1], near[2], near[3] = d0, d1, d2, d3
                    near[4], near[5], near[6], near[7] = d4, d5, d6, d7
                    b = type_b = _ZERO
                    for m in range(8):
                        d = near[U(m)]
                        if d != _ZERO:
                            joined = U(d == d0) + U(d == d1) + U(d == d2) + U(d == d3)
                            joined += U(d == d4) + U(d == d5) + U(d == d6) + U(d == d7)
                            type_b = _type_of(types, d ^ a)
                            left_rate -= _mobility(types, type_a, type_b) * flip_each[same, joined]
                            if left_rate < 0.0:
                                b = d
                                break
                    if b == _ZERO:
                        continue
                if types is not None:
                    areas[a] -= 1
                    areas[b ^ a] += 1
                sites[site] = content ^ (b << label_shift)
                change = _type_step(types, type_a, type_b)
                # Two sums, so that they need not wait for one another.
                own = _own_step(types, same, joined, type_a, type_b)
                first = _move(sites, lists, types, class_of, bound, label_shift, site, own)
                first += _move_neighbour(sites, lists, types, class_of, bound, label_shift, up - _ONE, d0, b, change)
                second = _move_neighbour(sites, lists, types, class_of, bound, label_shift, up, d1, b, change)
                second += _move_neighbour(sites, lists, types, class_of, bound, label_shift, up + _ONE, d2, b, change)
                first += _move_neighbour(sites, lists, types, class_of, bound, label_shift, site - _ONE, d3, b, change)
                second += _move_neighbour(sites, lists, types, class_of, bound, label_shift, site + _ONE, d4, b, change)
                first += _move_neighbour(sites, lists, types, class_of, bound, label_shift, down - _ONE, d5, b, change)
                second += _move_neighbour(sites, lists, types, class_of, bound, label_shift, down, d6, b, change)
                first += _move_neighbour(sites, lists, types, class_of, bound, label_shift, down + _ONE, d7, b, change)
                total += first + second
            else:
                # The same for a site on an edge of the lattice or beside an inert site.
                edge = _edge(site, row, extent)
                b = type_b = joined = _ZERO
                for m in range(8):
                    c = sites[site + steps[edge, U(m)]] >> label_shift
                    if c != a and c != _ZERO:
                        joined = _ZERO
                        for p in range(8):
                            joined += U((sites[site + steps[edge, U(p)]] >> label_shift) == c)
                        type_b = _type_of(types, c)
                        left_rate -= _mobility(types, type_a, type_b) * flip_each[same, joined]
                        if left_rate < 0.0:
                            b = c ^ a
                            break
                if b == _ZERO:
                    continue
                if types is not None:
                    areas[a] -= 1
                    areas[b ^ a] += 1
                sites[site] = content ^ (b << label_shift)
                change = _type_step(types, type_a, type_b)
                own = _own_step(types, same, joined, type_a, type_b)
                total += _move(sites, lists, types, class_of, bound, label_shift, site, own)
                for m in range(8):
                    neighbour = site + steps[edge, U(m)]
                    d = (sites[neighbour] >> label_shift) ^ a
                    total += _move_neighbour(sites, lists, types, class_of, bound, label_shift, neighbour, d, b, change)

            events += 1
            if time >= record_time:
                status = RECORD
                break

    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3
    clock[TIME] = time
    counters[EVENTS], counters[DRAWS], counters[RATE] = events, draws, np.int64(total)
    return status
