"""Growth runs from the states of another data set: what is kept, what is drawn anew, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from graincast.graphs.from_labels import from_labels
from graincast.graphs.k_hop_subgraph import k_hop_subgraph
from graincast.graphs.samples import samples
from graincast.microstructure import BadInput, Microstructure
from graincast.potts.regrowth import regrow
from graincast.raw import regrown
from graincast.raw.sources import regrown_files
from tests.synthetic import voronoi

SETTINGS = {
    "seed": 1,
    "mobility": "candidate-red",
    "min_mobility": 0.01,
    "growth": {"temperature": 0.9, "time": 300, "runs": 2, "record": 100},
}


def state(seed: int = 0, periodic: tuple[bool, bool] = (True, True)) -> Microstructure:
    """A map of 24 x 30 sites with a pore, spacing 0.5 µm, and its largest grain as the candidate."""
    labels = voronoi(30, 14, np.random.default_rng(seed))[:24]
    labels[2:5, 3:9] = 0
    one = from_labels("maps/a", labels, periodic, 0.5)
    (sample,) = samples(one, "largest", {"by": "fraction", "red": 0.5, "seed": seed})
    return sample


def grown(folder, sample: Microstructure, settings: dict = SETTINGS) -> Microstructure:
    list(regrow(folder, sample, settings))
    return regrown.read(folder, sample.name)


@pytest.mark.parametrize("periodic", [(True, True), (True, False), (False, False)])
def test_the_state_is_kept_and_growth_runs_are_added(tmp_path, periodic):
    sample = state(periodic=periodic)
    one = grown(tmp_path / "a", sample)
    assert (one.name, one.group, one.periodic, one.spacing) == (sample.name, "maps/a", periodic, 0.5)
    for key in ("labels", "grain_id", "grain_type", "candidate", "edges", "boundary_length", "degree"):
        np.testing.assert_array_equal(getattr(one, key), getattr(sample, key))
    assert one.runs == ["1", "2"]
    for time, areas in zip(one.times, one.areas, strict=True):
        assert time[0] == 0 and time.size == 4 and abs(time[-1] - 300) < 1
        np.testing.assert_array_equal(areas[0], sample.area)
        assert (areas.sum(axis=1) == (sample.labels > 0).sum()).all()  # sites of no grain stay so


def test_runs_differ_and_depend_on_seed_name_and_number_alone(tmp_path):
    sample = state()
    one, again = grown(tmp_path / "a", sample), grown(tmp_path / "b", sample)
    assert (one.areas[0] != one.areas[1]).any()
    assert all((left == right).all() for left, right in zip(one.areas, again.areas, strict=True))
    single = grown(tmp_path / "c", sample, SETTINGS | {"growth": SETTINGS["growth"] | {"runs": 1}})
    assert (single.areas[0] == one.areas[0]).all()
    for other in (
        grown(tmp_path / "d", sample, SETTINGS | {"seed": 2}),
        grown(tmp_path / "e", replace(sample, name="maps/b")),
    ):
        assert (other.areas[0] != one.areas[0]).any()


def test_growth_runs_of_the_state_itself_are_replaced(tmp_path):
    sample = grown(tmp_path / "a", state())
    again = grown(tmp_path / "b", sample, SETTINGS | {"seed": 5})
    assert again.runs == ["1", "2"] and (again.areas[0] != sample.areas[0]).any()
    assert again.mean_area == sample.mean_area


def test_a_cut_graph_is_refused(tmp_path):
    cut = k_hop_subgraph(state(), 1)
    with pytest.raises(BadInput, match=r"maps/a@.*: its graph was cut by hops; regrow whole microstructures"):
        list(regrow(tmp_path / "a", cut, SETTINGS))


def test_a_damaged_folder_is_rejected_with_its_reason(tmp_path):
    sample = state()
    list(regrow(tmp_path / "a", sample, SETTINGS))
    path, *runs = regrown_files(tmp_path / "a")
    runs[0].write_bytes(runs[0].read_bytes()[:500])
    with pytest.raises(BadInput, match="cut short"):
        regrown.read(tmp_path / "a", "a")
    path.write_bytes(b"")
    with pytest.raises(BadInput, match="not an HDF5 file"):
        regrown.read(tmp_path / "a", "a")
