"""Keeping some of the recorded time steps: which ones, what stays, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.graphs.time_steps import check, kept, reduced
from graincast.microstructure import BadInput
from graincast.raw import spparks
from tests.tables import microstructure

TIMES = np.array([0.0, 20000.0452627, 40000.1160737, 60000.0, 80000.2, 100000.0])  # each as late as SPPARKS's records


@pytest.mark.parametrize("records", range(2, 40))
def test_evenly_keeps_first_and_last_and_equal_gaps(records):
    times = np.sort(np.random.default_rng(records).uniform(0, 9, records))
    for n in range(2, records + 1):
        indices = kept(times, {"evenly": n})
        assert (indices[0], indices[-1], len(indices)) == (0, records - 1, n)
        np.testing.assert_allclose(indices, np.linspace(0, records - 1, n), atol=0.5)
        gaps = np.diff(indices)
        assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1
    with pytest.raises(BadInput, match=f"{records + 1} time steps are to be kept, but .* {records} records"):
        kept(times, {"evenly": records + 1})


def test_the_ways_agree_where_they_mean_the_same():
    same = [("all", {"evenly": 6}), ("first-last", {"evenly": 2}), ("first-last", {"times": [100000]})]
    same += [("all", {"times": [20000, 40000, 60000, 80000, 100000]}), ("all", {"times": TIMES.tolist()})]
    for one, other in same:
        assert kept(TIMES, one).tolist() == kept(TIMES, other).tolist()


def test_a_listed_time_is_its_record_and_the_first_record_is_always_kept():
    assert kept(TIMES, {"times": [40000]}).tolist() == [0, 2]  # the growth ratio then ends there
    assert kept(TIMES, {"times": [0, 20000.05, 80000]}).tolist() == [0, 1, 4]  # written with fewer digits: same record
    assert kept(np.array([0, 2001.69203532, 4000.07561455]), {"times": [2000]}).tolist() == [0, 1]
    assert kept(np.array([5.0, 10.0]), {"times": [10]}).tolist() == [0, 1]


@pytest.mark.parametrize("wanted", [1, 19000, 20001, 30000, 99000, 100001, -1])
def test_no_record_near_by_is_taken_for_a_listed_time(wanted):
    with pytest.raises(BadInput, match=rf"no record at {wanted} MCS, .*; .* 6 records from 0 to 100000 MCS"):
        kept(TIMES, {"times": [wanted, 100000]})


def test_the_first_record_alone_is_no_growth():
    with pytest.raises(BadInput, match="only time step kept is the first"):
        kept(np.array([5.0, 10.0]), {"times": [5]})


def test_only_times_and_areas_change_in_each_growth_run():
    whole = microstructure("a", 1, records=(3, 5, 9))
    part = reduced(whole, {"evenly": 3})
    for time, area, old_time, old_area in zip(part.times, part.areas, whole.times, whole.areas, strict=True):
        middle = (len(old_time) - 1) // 2
        assert time.tolist() == [old_time[0], old_time[middle], old_time[-1]]
        np.testing.assert_array_equal(area, old_area[[0, middle, -1]], strict=True)
        assert area.flags["C_CONTIGUOUS"]
    same = replace(part, times=whole.times, areas=whole.areas)
    assert all(getattr(same, field) is getattr(whole, field) for field in vars(whole))
    assert reduced(whole, "all") is whole


def test_what_is_refused_names_the_growth_run():
    runs = microstructure("a", 1, records=(5, 3))
    with pytest.raises(BadInput, match=r"^growth run 2: 4 time steps .* 3 records from 0 to 100000 MCS$"):
        reduced(runs, {"evenly": 4})
    with pytest.raises(BadInput, match=r"^4 time steps"):
        reduced(microstructure("a", 1, records=(3,)), {"evenly": 4})


def test_forms():
    for good in ("all", "first-last", {"evenly": 2}, {"times": [0, 0.5, 1000]}):
        check(good)
    wrong = ["last", 3, None, {}, {"evenly": 1}, {"evenly": True}, {"evenly": 2.0}, {"times": []}, {"times": 5}]
    wrong += [{"evenly": 2, "times": [1]}, {"times": ["1"]}, ["all"]]
    for bad in wrong:
        with pytest.raises(ValueError, match="is none of all, first-last"):
            check(bad)
    for bad, reason in (([2, 1], "do not ascend"), ([1, 1], "do not ascend"), ([0], "end at the start")):
        with pytest.raises(ValueError, match=reason):
            check({"times": bad})


def test_listed_times_of_real_growth_runs(raw_data):
    folder = raw_data / "spparks-runs" / "run-000001"
    if not folder.is_dir():
        pytest.skip(f"no SPPARKS runs in {raw_data}")
    runs = spparks.read(folder, "a")
    part = reduced(runs, {"times": [20000, 200000, 400000]})
    assert len(part.times) == 5
    for time, old_time in zip(part.times, runs.times, strict=True):
        np.testing.assert_allclose(time[1:], [20000, 200000, 400000], rtol=1e-4)
        assert set(time) <= set(old_time)
