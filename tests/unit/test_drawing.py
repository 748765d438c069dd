"""Microstructures drawn by name, the graph over the map, and the file formats of figures."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.figure import Figure
from PIL import Image

from graincast.figures import drawing, film, microstructure, style
from graincast.graphs import shards
from graincast.graphs.from_labels import from_labels
from graincast.microstructure import CANDIDATE, BadInput
from graincast.potts import protocol
from tests.synthetic import voronoi
from tests.tables import microstructure as made

STARTS = {"png": b"\x89PNG", "svg": b"<?xml", "pdf": b"%PDF"}


def figure() -> Figure:
    drawn = Figure(figsize=(2, 2))
    drawn.subplots().plot([0, 1], label="µm")
    return drawn


@pytest.mark.parametrize("form", style.FORMATS)
def test_the_name_says_the_format_and_equal_figures_give_equal_bytes(tmp_path, form):
    for name in ("one", "two"):
        style.save(figure(), tmp_path / f"{name}.{form}")
    one = (tmp_path / f"one.{form}").read_bytes()
    assert one.startswith(STARTS[form])
    assert one == (tmp_path / f"two.{form}").read_bytes()


def test_each_format_is_written_beside_the_others_and_an_unknown_one_is_refused(tmp_path):
    style.save_as(figure(), tmp_path / "matrix_t1.5", ["png", "svg"])
    assert {path.name for path in tmp_path.iterdir()} == {"matrix_t1.5.png", "matrix_t1.5.svg"}
    with pytest.raises(BadInput, match=r"x\.jpeg: figures are png, svg, pdf files"):
        style.save(figure(), tmp_path / "x.jpeg")


def test_centres_move_with_a_periodic_map_and_lie_within_it():
    labels = voronoi(32, 12, np.random.default_rng(1))
    n = int(labels.max())
    at = microstructure.centres(labels, n, (True, True))
    moved = microstructure.centres(np.roll(labels, (5, -9), (0, 1)), n, (True, True))
    difference = (moved - at - (5, -9) + 16) % 32 - 16
    assert np.abs(difference).max() < 1e-9
    assert (at >= 0).all() and (at < 32).all()


def test_centres_of_a_map_that_is_not_periodic_are_means():
    labels = np.array([[1, 1, 2], [1, 1, 2]], np.int32)
    at = microstructure.centres(labels, 3, (False, False))
    np.testing.assert_allclose(at[:2], [[0.5, 0.5], [0.5, 2]])
    assert np.isnan(at[2]).all()


def test_each_edge_of_the_graph_is_a_short_line():
    one = made("a", 1)
    axes = microstructure.figure(one, "a", graph=True).axes[0]
    lines = next(part for part in axes.collections if isinstance(part, LineCollection)).get_segments()
    assert len(lines) == len(one.edges)
    height, width = one.labels.shape
    for (x0, y0), (x1, y1) in lines:
        assert abs(x1 - x0) <= width / 2 + 1e-9 and abs(y1 - y0) <= height / 2 + 1e-9
    assert not microstructure.figure(one, "a").axes[0].collections


def test_microstructures_are_drawn_by_name(tmp_path):
    folder = tmp_path / "results/datasets/given/graphs"
    shards.write(folder / "0000.h5", [made("a/x", 1), made("b", 2)])
    shards.write(folder / "0001.h5", [made("c", 3)])
    paths = drawing.shards_of("given", tmp_path / "results")
    assert paths == drawing.shards_of(str(folder)) and len(paths) == 2
    files = drawing.draw(paths, ["c", "a/x"], tmp_path / "out", "pdf")
    assert [file.name for file in files] == ["a_x.pdf", "c.pdf"]
    (overlaid,) = drawing.draw(paths, ["b"], tmp_path / "out", graph=True)
    assert overlaid.name == "b.graph.png" and overlaid.read_bytes().startswith(STARTS["png"])


def test_an_unknown_name_is_refused_before_anything_is_drawn(tmp_path):
    shards.write(tmp_path / "0000.h5", [made("state-1", 1)])
    with pytest.raises(BadInput, match=r"no microstructure state-2 among the 1 of .*; did you mean state-1\?"):
        drawing.draw([tmp_path / "0000.h5"], ["state-1", "state-2"], tmp_path / "out")
    assert not (tmp_path / "out").exists()
    with pytest.raises(BadInput, match="has no graphs of a data set absent"):
        drawing.shards_of("absent", tmp_path)


@pytest.fixture
def grown_once():
    """A simulated map of about 20 grains, with a growth run of 300 MCS."""
    labels = protocol.initialise(24, temperature=0.9, time=10, quench_temperature=0.1, quench_time=1, seed=1)
    types = protocol.assign_types(labels, 0.4, seed=1)[1:]
    one = from_labels("state", labels, (True, True))
    one = replace(one, grain_type=types, candidate=types == CANDIDATE)
    return replace(one, runs=["1"], times=[np.array([0.0, 300.0])], areas=[np.stack([one.area, one.area])])


def test_a_film_begins_with_the_initial_state_and_has_a_picture_for_each_record(tmp_path, grown_once):
    film.write(tmp_path / "one.gif", grown_once, pictures=5)
    film.write(tmp_path / "two.gif", grown_once, pictures=5)
    assert (tmp_path / "one.gif").read_bytes() == (tmp_path / "two.gif").read_bytes()
    with Image.open(tmp_path / "one.gif") as moving:
        assert moving.n_frames == 5
        shown = np.array(moving.convert("RGB"))
    scale = film.SIDE // 24
    expected = microstructure.rgb(grown_once).repeat(scale, axis=0).repeat(scale, axis=1)
    np.testing.assert_array_equal(shown[: -film.CAPTION], expected)
    pictures = list(film.frames(grown_once, np.linspace(0, 300, 5)))
    assert all(picture.shape == (24 + film.CAPTION, 24, 3) for picture in pictures)
    assert any(not np.array_equal(pictures[0], later) for later in pictures[1:])


def test_a_film_without_a_duration_or_pictures_is_refused(tmp_path, grown_once):
    never = replace(grown_once, runs=[], times=[], areas=[])
    with pytest.raises(BadInput, match="state: has no growth run to say how long it grows; give --duration MCS"):
        film.write(tmp_path / "one.gif", never)
    with pytest.raises(BadInput, match="at least 2 pictures, not 300 MCS and 1"):
        film.write(tmp_path / "one.gif", grown_once, pictures=1)
    for end in (-1, 0, float("nan"), float("inf")):
        with pytest.raises(BadInput, match="a film needs a duration above 0"):
            film.write(tmp_path / "one.gif", grown_once, end)
    assert not list(tmp_path.iterdir())
    film.write(tmp_path / "one.gif", never, end=20, pictures=2)
