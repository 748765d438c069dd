"""The event loop: the n-fold way on lists of sites with similar flip rates.

A site's word holds all that bounds its flip rate; when a neighbour flips, additions alone keep it up to date:

    bits 0-3    neighbours of the same grain          bits 12-13  grain type of the site
    bits 4-7    neighbours in high-mobility grains    bits 14-17  which borders of the lattice the site lies on
    bits 8-11   neighbours in candidate grains

Words with similar bounds form a class (neighbourhoods.py). Each site is in the list of its class, and is drawn at the
class's bound. A drawn site flips with probability rate / bound; otherwise only time passes. This thinning of a Poisson
process leaves the distribution of the flips and their times exactly that of the rejection-free model; about 5 draws in
6 flip. A flip costs eight additions to words and as many moves between lists. Only for the drawn site is it looked up
which grains meet there.

Numba renews its compiled copy on disk only when this file changes, so the bit layout is defined here too.
"""

import functools

import numpy as np
from numba import njit

from graincast.program.compiled import compiled

HIGH_SHIFT, CANDIDATE_SHIFT, TYPE_SHIFT, BORDER_SHIFT = 4, 8, 12, 14
WORDS = 1 << BORDER_SHIFT
"""Number of words that differ in rate: those of the bits below the border bits."""

TIME, RATE = 0, 1  # entries of clock
EVENTS, DRAWS, RECORDS = 0, 1, 2  # entries of counters

# Unsigned throughout the kernel: numba guards signed indices against negative values, and mixing the two gives floats.
U = np.uint64
_ONE, _EIGHT = U(1), U(8)
_SAME_MASK, _TYPE_MASK, _BORDER_MASK, _WORD_MASK = U(15), U(3), U(15), U(WORDS - 1)
_TYPE_SHIFT, _BORDER_SHIFT = U(TYPE_SHIFT), U(BORDER_SHIFT)
_KEEP_MASK = U(15 << HIGH_SHIFT | 15 << CANDIDATE_SHIFT | 15 << BORDER_SHIFT)
_SORT_MASK = (1 << 16) - 1  # classes are sorted by weight again after this many draws


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
    return (x >> U(11)) * 2.0**-53


@functools.partial(compiled, nogil=True, error_model="numpy")
def advance(
    labels, word, class_of, bound, inverse, members, length, place, order, steps, grain_type, type_step, mobility, flip,
    areas, rng, clock, counters, record_times, out_times, out_areas, max_draws, max_events,
):  # fmt: skip
    """Advance to the last record time, or by max_draws draws or max_events flips; True once the last time is reached.

    The arrays are those of Lattice and hold all state. max_draws limits the time of a call, not the results.
    """
    s0, s1, s2, s3 = rng[0], rng[1], rng[2], rng[3]
    time, total = clock[TIME], clock[RATE]
    events, draws, record = counters[EVENTS], counters[DRAWS], counters[RECORDS]
    last_draw, last_event = draws + max_draws, events + max_events
    end = record_times[-1]
    next_record = record_times[record] if record < len(record_times) else np.inf
    done = record >= len(record_times)
    n_classes = len(bound)
    while not done and draws < last_draw and events < last_event:
        if total <= 0.0:
            time = end
            done = True
            break
        if draws & _SORT_MASK == 0:
            for i in range(1, n_classes):
                k = order[i]
                j = i
                while j > 0 and length[order[j - 1]] * bound[order[j - 1]] < length[k] * bound[k]:
                    order[j] = order[j - 1]
                    j -= 1
                order[j] = k
        draws += 1

        x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
        time += -np.log(1.0 - _uniform(x)) / total
        if time >= end:
            time = end
            done = True
            break

        # Draw a class by weight, then a site from its list; the rest of the random number decides on the flip.
        x, s0, s1, s2, s3 = _random(s0, s1, s2, s3)
        left = _uniform(x) * total
        k = U(0)
        for i in range(n_classes):
            weight = length[order[i]] * bound[order[i]]
            if left < weight:
                k = U(order[i])
                break
            left -= weight
        if k == U(0):
            continue
        entry = U(left * inverse[k])
        last = U(length[k]) - _ONE
        if entry > last:
            entry = last
        left -= entry * bound[k]
        site = U(members[k, entry])

        # Grains that meet at the site: mostly two, so that there is one possible flip, at the rate of its word.
        w = U(word[site])
        border = (w >> _BORDER_SHIFT) & _BORDER_MASK
        a = labels[site]
        low = np.int32(2147483647)
        high = np.int32(0)
        for m in range(8):
            c = labels[site + steps[border, U(m)]]
            if c != a:
                low = min(low, c)
                high = max(high, c)
        same = w & _SAME_MASK
        type_a = (w >> _TYPE_SHIFT) & _TYPE_MASK
        if low == high:
            b = low
            type_b = U(grain_type[U(b)])
            joined = _EIGHT - same
            if left >= mobility[type_a, type_b] * flip[same, joined]:
                continue
        else:
            b = np.int32(0)
            type_b = joined = U(0)
            # Each grain's rate is split equally among the neighbours in it.
            for m in range(8):
                c = labels[site + steps[border, U(m)]]
                if c != a:
                    joined = U(0)
                    for p in range(8):
                        joined += U(labels[site + steps[border, U(p)]] == c)
                    type_b = U(grain_type[U(c)])
                    left -= mobility[type_a, type_b] * flip[same, joined] / joined
                    if left < 0.0:
                        b = c
                        break
            if b == 0:
                continue

        # Flip: update the word of the site and its place in the lists, then those of its neighbours.
        events += 1
        labels[site] = b
        areas[U(a)] -= 1
        areas[U(b)] += 1
        w = (w & _KEEP_MASK) | joined | (type_b << _TYPE_SHIFT)
        new = U(class_of[w & _WORD_MASK])
        word[site] = w
        if new != k:
            moved = members[k, last]
            members[k, entry] = moved
            place[U(moved)] = entry
            length[k] = np.int64(last)
            entry = U(length[new])
            members[new, entry] = site
            place[site] = entry
            length[new] += 1
            total += bound[new] - bound[k]
        change = type_step[type_b] - type_step[type_a]
        for m in range(8):
            neighbour = site + steps[border, U(m)]
            c = labels[neighbour]
            w = U(word[neighbour])
            old = U(class_of[w & _WORD_MASK])
            w = w + change + U(c == b) - U(c == a)
            word[neighbour] = w
            new = U(class_of[w & _WORD_MASK])
            if new != old:
                entry = U(place[neighbour])
                last = U(length[old] - 1)
                moved = members[old, last]
                members[old, entry] = moved
                place[U(moved)] = entry
                length[old] = np.int64(last)
                entry = U(length[new])
                members[new, entry] = neighbour
                place[neighbour] = entry
                length[new] += 1
                total += bound[new] - bound[old]

        while time >= next_record:
            out_times[record] = time
            out_areas[record] = areas
            record += 1
            next_record = record_times[record]

    if done:
        while record < len(record_times):
            out_times[record] = record_times[record]
            out_areas[record] = areas
            record += 1
    rng[0], rng[1], rng[2], rng[3] = s0, s1, s2, s3
    clock[TIME], clock[RATE] = time, total
    counters[EVENTS], counters[DRAWS], counters[RECORDS] = events, draws, record
    return done
