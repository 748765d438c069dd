"""Keeping some of the recorded time steps: which ones, what is unchanged, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.graphs.time_steps import check, kept_records, reduced
from graincast.microstructure import BadInput
from graincast.raw import spparks
from tests.tables import microstructure

TIMES = np.array([0.0, 20000.0452627, 40000.1160737, 60000.0, 80000.2, 100000.0])  # SPPARKS records a little late


@pytest.mark.parametrize("records", range(2, 40))
def test_evenly_keeps_first_and_last_with_gaps_equal_to_one_record(records):
    times = np.sort(np.random.default_rng(records).uniform(0, 9, records))
    for n in range(2, records + 1):
        indices = kept_records(times, {"evenly": n})
        assert (indices[0], indices[-1], len(indices)) == (0, records - 1, n)
        np.testing.assert_allclose(indices, np.linspace(0, records - 1, n), atol=0.5)
        gaps = np.diff(indices)
        assert gaps.min() >= 1 and gaps.max() - gaps.min() <= 1
    with pytest.raises(BadInput, match=f"{records + 1} time steps are to be kept, but .* {records} records"):
        kept_records(times, {"evenly": records + 1})


def test_settings_that_mean_the_same_keep_the_same_records():
    pairs = [("all", {"evenly": 6}), ("first-last", {"evenly": 2}), ("first-last", {"times": [100000]})]
    pairs += [("all", {"times": [20000, 40000, 60000, 80000, 100000]}), ("all", {"times": TIMES.tolist()})]
    for setting, equivalent in pairs:
        assert kept_records(TIMES, setting).tolist() == kept_records(TIMES, equivalent).tolist()


def test_a_listed_time_selects_its_record_and_the_first_record_is_always_kept():
    assert kept_records(TIMES, {"times": [40000]}).tolist() == [0, 2]  # the growth ratio then ends there
    assert kept_records(TIMES, {"times": [0, 20000.05, 80000]}).tolist() == [0, 1, 4]  # fewer digits: same record
    assert kept_records(np.array([0, 2001.69203532, 4000.07561455]), {"times": [2000]}).tolist() == [0, 1]
    assert kept_records(np.array([5.0, 10.0]), {"times": [10]}).tolist() == [0, 1]


@pytest.mark.parametrize("listed", [1, 19000, 20001, 30000, 99000, 100001, -1])
def test_a_nearby_record_does_not_stand_for_a_listed_time(listed):
    with pytest.raises(BadInput, match=rf"no record at {listed} MCS, .*; .* 6 records from 0 to 100000 MCS"):
        kept_records(TIMES, {"times": [listed, 100000]})


def test_keeping_the_first_record_alone_is_refused():
    with pytest.raises(BadInput, match="only time step kept is the first"):
        kept_records(np.array([5.0, 10.0]), {"times": [5]})


def test_only_times_and_areas_change_in_each_growth_run():
    whole = microstructure("a", 1, records=(3, 5, 9))
    thinned = reduced(whole, {"evenly": 3})
    for time, area, old_time, old_area in zip(thinned.times, thinned.areas, whole.times, whole.areas, strict=True):
        middle = (len(old_time) - 1) // 2
        assert time.tolist() == [old_time[0], old_time[middle], old_time[-1]]
        np.testing.assert_array_equal(area, old_area[[0, middle, -1]], strict=True)
        assert area.flags["C_CONTIGUOUS"]
    restored = replace(thinned, times=whole.times, areas=whole.areas)
    assert all(getattr(restored, field) is getattr(whole, field) for field in vars(whole))
    assert reduced(whole, "all") is whole


def test_the_refused_growth_run_is_named():
    runs = microstructure("a", 1, records=(5, 3))
    with pytest.raises(BadInput, match=r"^growth run 2: 4 time steps .* 3 records from 0 to 100000 MCS$"):
        reduced(runs, {"evenly": 4})
    with pytest.raises(BadInput, match=r"^4 time steps"):
        reduced(microstructure("a", 1, records=(3,)), {"evenly": 4})


def test_settings_of_other_forms_are_refused():
    for valid in ("all", "first-last", {"evenly": 2}, {"times": [0, 0.5, 1000]}):
        check(valid)
    invalid = ["last", 3, None, {}, {"evenly": 1}, {"evenly": True}, {"evenly": 2.0}, {"times": []}, {"times": 5}]
    invalid += [{"evenly": 2, "times": [1]}, {"times": ["1"]}, ["all"]]
    for setting in invalid:
        with pytest.raises(ValueError, match="is none of all, first-last"):
            check(setting)
    for times, reason in (([2, 1], "do not ascend"), ([1, 1], "do not ascend"), ([0], "end at the start")):
        with pytest.raises(ValueError, match=reason):
            check({"times": times})


def test_listed_times_are_found_in_published_growth_runs(raw_data):
    folder = raw_data / "spparks-runs" / "run-000001"
    if not folder.is_dir():
        pytest.skip(f"no SPPARKS runs in {raw_data}")
    runs = spparks.read(folder, "a")
    thinned = reduced(runs, {"times": [20000, 200000, 400000]})
    assert len(thinned.times) == 5
    for time, old_time in zip(thinned.times, runs.times, strict=True):
        np.testing.assert_allclose(time[1:], [20000, 200000, 400000], rtol=1e-4)
        assert set(time) <= set(old_time)
