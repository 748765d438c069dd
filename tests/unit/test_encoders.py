"""Encoders: principal components are the exact ones, autoencoders learn, and codes belong to grains alone."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import h5py
import numpy as np
import pytest
import torch
from sklearn.decomposition import PCA

from graincast.encoders import autoencoder, codes, pca, registry, stream, trained
from graincast.encoders.architectures import Autoencoder
from graincast.encoders.patches import BOUNDARY, GRAIN, KINDS, WINDOW
from graincast.graphs import shards
from graincast.microstructure import BadInput
from scripts import encode, encoder, encoder_figures
from tests.tables import microstructure

ROOT = Path(__file__).parents[2]
PCA_SETTINGS = {"method": "pca", "components": 6, "max_patches": 0, "validation": 0.3}
NETWORK = {
    "method": "autoencoder",
    "architecture": "tiny",
    "components": 4,
    "epochs": 5,
    "batch_size": 16,
    "learning_rate": 0.005,
    "seed": 1,
    "max_patches": 0,
    "validation": 0.3,
}


def many(count: int = 8) -> list:
    return [microstructure(f"m{i}", i, size=40, grains=9) for i in range(count)]


def samples(kind: str) -> tuple[stream.Sample, stream.Sample]:
    found = [stream.compact(one) for one in many()]
    return stream.Sample(found[:6], kind), stream.Sample(found[6:], kind)


def flat(sample: stream.Sample) -> np.ndarray:
    return np.concatenate([trained.unit(patches) for patches in sample.batches(64)]).reshape(sample.size, -1)


@pytest.fixture(scope="module")
def found() -> trained.Trained:
    """The principal components of boundaries."""
    return pca.train(*samples(BOUNDARY), PCA_SETTINGS)


def test_codes_are_those_of_exact_principal_components(found):
    train, validation = samples(BOUNDARY)
    exact = PCA(6, svd_solver="full").fit(flat(train).astype(float))
    patches = next(validation.batches(1000))
    wanted = exact.transform(trained.unit(patches).reshape(len(patches), -1))
    made = pca.codec({}, found.model, 6).encode(patches)
    assert made.dtype == np.float32
    np.testing.assert_allclose(np.abs(made), np.abs(wanted), atol=2e-4)
    np.testing.assert_allclose(found.model["variance"], exact.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(pca.codec({}, found.model, 3).encode(patches), made[:, :3], atol=1e-5)


def test_small_batches_come_close_to_exact_components(monkeypatch, found):
    monkeypatch.setattr(pca, "BATCH", 16)
    steps = pca.train(*samples(BOUNDARY), PCA_SETTINGS)
    assert not np.array_equal(steps.model["components"], found.model["components"])
    for row, exact in zip(steps.errors, found.errors, strict=True):
        np.testing.assert_allclose(row, exact, rtol=0.05)


def test_errors_are_those_of_reconstructions(found):
    assert [components for components, *_ in found.errors] == [0, 1, 2, 4, 6]
    for part, sample in enumerate(samples(BOUNDARY), start=1):
        patches = next(sample.batches(1000))
        for row in found.errors[1:]:
            codec = pca.codec({}, found.model, row[0])
            error = np.mean((codec.decode(codec.encode(patches)) - trained.unit(patches)) ** 2)
            np.testing.assert_allclose(row[part], error, rtol=1e-3)
    assert found.errors[0][1] == pytest.approx(flat(samples(BOUNDARY)[0]).var(axis=0).mean(), rel=1e-4)
    assert sorted((row[1] for row in found.errors), reverse=True) == [row[1] for row in found.errors]


def test_an_autoencoder_learns_the_same_every_time_and_beats_the_mean_patch():
    first, again = (autoencoder.train(*samples(BOUNDARY), NETWORK) for _ in range(2))
    assert first.errors == again.errors
    np.testing.assert_array_equal(first.curves, again.curves)
    for name, array in first.model.items():
        np.testing.assert_array_equal(array, again.model[name])
    (_, *mean), (components, *errors) = first.errors
    assert components == 4 and errors[0] < 0.9 * mean[0] and errors[1] < 0.9 * mean[1]
    assert first.curves.shape == (6, 2) and first.curves[:, 1].min() == pytest.approx(errors[1], rel=1e-5)
    assert autoencoder.train(*samples(BOUNDARY), {**NETWORK, "seed": 2}).errors != first.errors


@pytest.mark.parametrize("architecture", registry.ARCHITECTURES)
@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_gives_back_what_it_takes_in_shape(architecture, kind):
    size = WINDOW[kind]
    network = Autoencoder(architecture, size, 5)
    model = {name: value.numpy() for name, value in network.state_dict().items()}
    settings = {"architecture": architecture, "components": 5}
    codec = autoencoder.codec(settings, model, 5)
    patches = np.random.default_rng(0).integers(0, 256, (3, size, size)).astype(np.uint8)
    made = codec.encode(patches)
    assert made.shape == (3, 5) and made.dtype == np.float32
    back = codec.decode(made)
    assert back.shape == patches.shape and 0 <= back.min() <= back.max() <= 1
    with torch.no_grad():
        np.testing.assert_allclose(back, network(torch.from_numpy(patches) / 255).numpy(), atol=1e-6)
    with pytest.raises(BadInput, match="has 5 components, not 4"):
        autoencoder.codec(settings, model, 4)


def test_a_deep_network_learns_too():
    """Signals reach through all its layers: it comes to know sixteen patches."""
    few = samples(BOUNDARY)[0].at_most(16)
    settings = {**NETWORK, "architecture": "deep", "learning_rate": 0.002, "epochs": 40}
    (_, mean, _), (_, error, _) = autoencoder.train(few, few, settings).errors
    assert error < 0.8 * mean


def test_training_goes_on_from_a_checkpoint(tmp_path):
    path = tmp_path / "boundary.pt"
    whole = autoencoder.train(*samples(BOUNDARY), NETWORK, checkpoint=path)
    assert path.is_file()
    told = []
    again = autoencoder.train(*samples(BOUNDARY), NETWORK, checkpoint=path, advance=lambda *done: told.append(done))
    assert told[0] == (5 * samples(BOUNDARY)[0].size, "resumed after epoch 5") and len(told) == 1
    assert again.errors == whole.errors


def arguments(tmp_path: Path, settings: dict, graphs: list[Path], **more) -> SimpleNamespace:
    given = {"name": "test", "graphs": graphs, "encoder": settings, "device": "cpu", "threads": 1, "checkpoints": None}
    return SimpleNamespace(**{**given, "out": tmp_path / "encoder", **more})


def encoded(tmp_path: Path, graphs: list[Path], components: int) -> codes.Codes:
    encode.main(
        SimpleNamespace(
            name="test",
            graphs=graphs,
            encoder=tmp_path / "encoder" / "encoder.h5",
            components=components,
            device="cpu",
            threads=1,
            out=tmp_path / "codes.h5",
        )
    )
    return codes.read(tmp_path / "codes.h5")


@pytest.mark.parametrize("settings", [PCA_SETTINGS, NETWORK], ids=["pca", "autoencoder"])
def test_from_graphs_to_codes(tmp_path, settings):
    shards.write(tmp_path / "all.h5", many())
    for i in range(2):
        shards.write(tmp_path / f"{i}.h5", many()[i::2])
    halves = [tmp_path / "1.h5", tmp_path / "0.h5"]
    kept = tmp_path / "kept"
    encoder.main(arguments(tmp_path, settings, halves, checkpoints=kept))
    out = tmp_path / "encoder"
    assert not kept.exists()
    first = (out / "encoder.h5").read_bytes()
    encoder.main(arguments(tmp_path, settings, [tmp_path / "all.h5"]))
    assert (out / "encoder.h5").read_bytes() == first  # shards are no part of what is learned

    with (out / "errors.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert {row["kind"] for row in rows} == set(KINDS)
    for kind in KINDS:
        mean, *others = [float(row["validation_error"]) for row in rows if row["kind"] == kind]
        assert others[-1] < mean
    with h5py.File(out / "samples.h5") as file:
        for kind in KINDS:
            shape = (len(file[kind]["components"]), *file[kind]["original"].shape)
            assert file[kind]["reconstruction"].shape == shape and shape[1] == 8

    components = settings["components"]
    whole, parted = (encoded(tmp_path, graphs, components) for graphs in ([tmp_path / "all.h5"], halves))
    assert whole.name == parted.name == [one.name for one in many()]
    for field in ("node_ptr", "grain", "edge_ptr", "boundary"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(parted, field))

    moved = [replace(one, labels=np.roll(one.labels, (5, -9), (0, 1))) for one in many()]
    shards.write(tmp_path / "moved.h5", moved)
    shifted = encoded(tmp_path, [tmp_path / "moved.h5"], components)
    np.testing.assert_array_equal(shifted.grain, whole.grain)
    np.testing.assert_array_equal(shifted.boundary, whole.boundary)

    one = many()[3]
    grain, boundary = whole.of(one.name)
    assert grain.shape == (one.grain_id.size, components) and boundary.shape == (len(one.edges), components)
    place = {tuple(edge): i for i, edge in enumerate(one.edges.tolist())}
    back = [place[target, source] for source, target in one.edges.tolist()]
    np.testing.assert_array_equal(boundary[back], boundary)
    settings_read, models = trained.read(out / "encoder.h5")
    patches = stream.compact(one).patches(GRAIN)
    method = autoencoder if settings is NETWORK else pca
    wanted = method.codec(settings_read, models[GRAIN], components).encode(patches)
    np.testing.assert_array_equal(grain, wanted)

    encoder_figures.main(SimpleNamespace(encoder=out, title=None, out=tmp_path / "figures"))
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "error_against_components.png",
        "sample_reconstructions.png",
    }


def test_a_limit_bounds_what_is_trained_on():
    parts = [sample.many for sample in samples(GRAIN)]
    train, validation = encoder.sampled(parts, GRAIN, 10)
    whole_train, whole_validation = encoder.sampled(parts, GRAIN, 0)
    assert train.size == 10 and whole_train.size == whole_train.total > 10
    fraction = 10 / whole_train.size
    assert validation.size == np.ceil(fraction * whole_validation.size)


def test_a_lone_grain_without_boundaries_has_codes_all_the_same(found):
    one = replace(many(1)[0], edges=np.zeros((0, 2), np.int32), boundary_length=np.zeros(0, np.int32))
    codec = {
        GRAIN: lambda patches: np.zeros((len(patches), 6), np.float32),
        BOUNDARY: pca.codec({}, found.model, 6).encode,
    }
    grain, boundary = codes.of(one, codec)
    assert grain.shape == (one.grain_id.size, 6) and boundary.shape == (0, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "vae"}, "method 'vae' is none of pca, autoencoder"),
        ({"architecture": "wide"}, "architecture 'wide' is none of simple, tiny, deep"),
        ({"epochs": None}, "epochs is missing, which method autoencoder needs"),
        ({"method": "pca", "components": 5000}, "5000 components need as many patches; there are"),
    ],
)
def test_settings_that_cannot_be_are_named(tmp_path, change, message):
    shards.write(tmp_path / "all.h5", many(4))
    settings = {key: value for key, value in {**NETWORK, **change}.items() if value is not None}
    with pytest.raises(BadInput, match=message):
        encoder.main(arguments(tmp_path, settings, [tmp_path / "all.h5"]))
    assert not (tmp_path / "encoder").exists()


def test_graphs_without_boundaries_are_refused(tmp_path):
    bare = [replace(one, edges=np.zeros((0, 2), np.int32), boundary_length=np.zeros(0, np.int32)) for one in many()]
    shards.write(tmp_path / "bare.h5", bare)
    with pytest.raises(BadInput, match="no boundary to train on"):
        encoder.main(arguments(tmp_path, PCA_SETTINGS, [tmp_path / "bare.h5"]))


def test_what_an_encoder_does_not_have_cannot_be_taken_from_it(tmp_path, found):
    path = tmp_path / "encoder" / "encoder.h5"
    shards.write(tmp_path / "all.h5", many(2))
    trained.write(path, PCA_SETTINGS, {BOUNDARY: found.model})
    with pytest.raises(BadInput, match=f"{path}: the encoder has 6 components; 7 cannot be taken from it"):
        encoded(tmp_path, [tmp_path / "all.h5"], 7)
    with pytest.raises(BadInput, match=r"all.h5: not a file of graincast encoder, version 1"):
        trained.read(tmp_path / "all.h5")
    with pytest.raises(BadInput, match=r"all.h5: not a file of graincast codes, version 1"):
        codes.read(tmp_path / "all.h5")


def test_a_file_of_codes_is_read_back_in_order_of_names(tmp_path):
    rng = np.random.default_rng(0)
    parts = [(name, rng.random((n, 3)).astype("f4"), rng.random((m, 3)).astype("f4")) for name, n, m in PARTS]
    made = codes.assemble(parts)
    assert made.name == ["a", "b", "ü"]
    codes.write(tmp_path / "codes.h5", made)
    back = codes.read(tmp_path / "codes.h5")
    for name, grain, boundary in parts:
        np.testing.assert_array_equal(back.of(name)[0], grain)
        np.testing.assert_array_equal(back.of(name)[1], boundary)


PARTS = [("b", 4, 6), ("ü", 1, 0), ("a", 2, 2)]


def test_principal_components_need_no_torch(tmp_path):
    shards.write(tmp_path / "all.h5", many(3))
    program = """
import runpy, sys
module, sys.argv = sys.argv[1], sys.argv[1:]
runpy.run_module(module, run_name="__main__")
assert "torch" not in sys.modules
"""
    settings = json.dumps({**PCA_SETTINGS, "components": 2})
    graphs = ["--graphs", str(tmp_path / "all.h5")]
    made, out = tmp_path / "encoder", tmp_path / "codes.h5"
    for command in (
        ["scripts.encoder", *graphs, "--encoder", settings, "--out", str(made)],
        ["scripts.encode", *graphs, "--encoder", str(made / "encoder.h5"), "--components", "2", "--out", str(out)],
    ):
        subprocess.run([sys.executable, "-c", program, *command], cwd=ROOT, check=True)
