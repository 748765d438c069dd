"""Encoders: principal components are exact, autoencoders learn, and codes depend on single grains."""

import csv
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

from graincast.encoders import architectures, autoencoder, codes, pca, stream, trained
from graincast.encoders.architectures import Autoencoder
from graincast.encoders.patches import BOUNDARY, GRAIN, KINDS, WINDOW
from graincast.graphs import shards
from graincast.microstructure import BadInput
from scripts import encode, encoder, encoder_figures
from tests.recipes import recipe, recipe_file
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


def microstructures(count: int = 8) -> list:
    return [microstructure(f"m{i}", i, size=40, grains=9) for i in range(count)]


def samples(kind: str) -> tuple[stream.Sample, stream.Sample]:
    compact = [stream.compact(m) for m in microstructures()]
    return stream.Sample(compact[:6], kind), stream.Sample(compact[6:], kind)


def flat(sample: stream.Sample) -> np.ndarray:
    return np.concatenate([trained.unit(patches) for patches in sample.batches(64)]).reshape(sample.size, -1)


@pytest.fixture(scope="module")
def components() -> trained.Trained:
    """The principal components of boundaries."""
    return pca.train(*samples(BOUNDARY), PCA_SETTINGS)


def test_codes_equal_exact_principal_components(components):
    train, validation = samples(BOUNDARY)
    exact = PCA(6, svd_solver="full").fit(flat(train).astype(float))
    patches = next(validation.batches(1000))
    expected = exact.transform(trained.unit(patches).reshape(len(patches), -1))
    encoded_patches = pca.codec({}, components.model, 6).encode(patches)
    assert encoded_patches.dtype == np.float32
    np.testing.assert_allclose(np.abs(encoded_patches), np.abs(expected), atol=2e-4)
    np.testing.assert_allclose(components.model["variance"], exact.explained_variance_, rtol=1e-3)
    np.testing.assert_allclose(pca.codec({}, components.model, 3).encode(patches), encoded_patches[:, :3], atol=1e-5)


def test_small_batches_come_close_to_exact_components(monkeypatch, components):
    monkeypatch.setattr(pca, "BATCH", 16)
    incremental = pca.train(*samples(BOUNDARY), PCA_SETTINGS)
    assert not np.array_equal(incremental.model["components"], components.model["components"])
    for row, exact in zip(incremental.errors, components.errors, strict=True):
        np.testing.assert_allclose(row, exact, rtol=0.05)


def test_errors_are_mean_squares_of_reconstructions(components):
    assert [number for number, *_ in components.errors] == [0, 1, 2, 4, 6]
    for column, sample in enumerate(samples(BOUNDARY), start=1):
        patches = next(sample.batches(1000))
        for row in components.errors[1:]:
            codec = pca.codec({}, components.model, row[0])
            error = np.mean((codec.decode(codec.encode(patches)) - trained.unit(patches)) ** 2)
            np.testing.assert_allclose(row[column], error, rtol=1e-3)
    assert components.errors[0][1] == pytest.approx(flat(samples(BOUNDARY)[0]).var(axis=0).mean(), rel=1e-4)
    assert sorted((row[1] for row in components.errors), reverse=True) == [row[1] for row in components.errors]


def test_an_autoencoder_learns_the_same_every_time_and_beats_the_mean_patch():
    first, again = (autoencoder.train(*samples(BOUNDARY), NETWORK) for _ in range(2))
    assert first.errors == again.errors
    np.testing.assert_array_equal(first.curves, again.curves)
    for name, array in first.model.items():
        np.testing.assert_array_equal(array, again.model[name])
    (_, *mean), (number, *errors) = first.errors
    assert number == 4 and errors[0] < 0.9 * mean[0] and errors[1] < 0.9 * mean[1]
    assert first.curves.shape == (6, 2) and first.curves[:, 1].min() == pytest.approx(errors[1], rel=1e-5)
    assert autoencoder.train(*samples(BOUNDARY), {**NETWORK, "seed": 2}).errors != first.errors


@pytest.mark.parametrize("architecture", architectures.CHANNELS)
@pytest.mark.parametrize("kind", KINDS)
def test_every_architecture_reconstructs_patches_of_the_same_shape(architecture, kind):
    size = WINDOW[kind]
    network = Autoencoder(architecture, size, 5)
    model = {name: value.numpy() for name, value in network.state_dict().items()}
    settings = {"architecture": architecture, "components": 5}
    codec = autoencoder.codec(settings, model, 5)
    patches = np.random.default_rng(0).integers(0, 256, (3, size, size)).astype(np.uint8)
    encoded_patches = codec.encode(patches)
    assert encoded_patches.shape == (3, 5) and encoded_patches.dtype == np.float32
    decoded = codec.decode(encoded_patches)
    assert decoded.shape == patches.shape and 0 <= decoded.min() <= decoded.max() <= 1
    with torch.no_grad():
        np.testing.assert_allclose(decoded, network(torch.from_numpy(patches) / 255).numpy(), atol=1e-6)
    with pytest.raises(BadInput, match="has 5 components, not 4"):
        autoencoder.codec(settings, model, 4)


def test_a_deep_network_overfits_sixteen_patches():
    """Signals reach through all its layers."""
    few = samples(BOUNDARY)[0].at_most(16)
    settings = {**NETWORK, "architecture": "deep", "learning_rate": 0.002, "epochs": 40}
    (_, mean, _), (_, error, _) = autoencoder.train(few, few, settings).errors
    assert error < 0.8 * mean


def test_training_resumes_from_a_checkpoint(tmp_path):
    path = tmp_path / "boundary.pt"
    first = autoencoder.train(*samples(BOUNDARY), NETWORK, checkpoint=path)
    assert path.is_file()
    reports = []
    resumed = autoencoder.train(
        *samples(BOUNDARY), NETWORK, checkpoint=path, advance=lambda *report: reports.append(report)
    )
    assert reports == [(5 * samples(BOUNDARY)[0].size, "resumed after epoch 5")]
    assert resumed.errors == first.errors


def arguments(tmp_path: Path, settings: dict, graphs: list[Path], **overrides) -> SimpleNamespace:
    parameters = recipe(tmp_path / "recipe.json", **settings)
    options = {"name": "test", "graphs": graphs, "device": "cpu", "threads": 1, "checkpoints": None}
    return SimpleNamespace(**{"recipe": parameters, **options, "out": tmp_path / "encoder", **overrides})


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
def test_codes_of_graphs_do_not_depend_on_shards_or_position(tmp_path, settings):
    shards.write(tmp_path / "all.h5", microstructures())
    for i in range(2):
        shards.write(tmp_path / f"{i}.h5", microstructures()[i::2])
    halves = [tmp_path / "1.h5", tmp_path / "0.h5"]
    checkpoints = tmp_path / "checkpoints"
    encoder.main(arguments(tmp_path, settings, halves, checkpoints=checkpoints))
    out = tmp_path / "encoder"
    assert not checkpoints.exists()
    first = (out / "encoder.h5").read_bytes()
    encoder.main(arguments(tmp_path, settings, [tmp_path / "all.h5"]))
    assert (out / "encoder.h5").read_bytes() == first  # learning does not depend on shards

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

    number = settings["components"]
    whole, divided = (encoded(tmp_path, graphs, number) for graphs in ([tmp_path / "all.h5"], halves))
    assert whole.name == divided.name == [m.name for m in microstructures()]
    for field in ("node_ptr", "grain", "edge_ptr", "boundary"):
        np.testing.assert_array_equal(getattr(whole, field), getattr(divided, field))

    moved = [replace(m, labels=np.roll(m.labels, (5, -9), (0, 1))) for m in microstructures()]
    shards.write(tmp_path / "moved.h5", moved)
    shifted = encoded(tmp_path, [tmp_path / "moved.h5"], number)
    np.testing.assert_array_equal(shifted.grain, whole.grain)
    np.testing.assert_array_equal(shifted.boundary, whole.boundary)

    m = microstructures()[3]
    grain, boundary = whole.of_microstructure(m.name)
    assert grain.shape == (m.grain_id.size, number) and boundary.shape == (len(m.edges), number)
    row_of = {tuple(edge): row for row, edge in enumerate(m.edges.tolist())}
    reverse = [row_of[target, source] for source, target in m.edges.tolist()]
    np.testing.assert_array_equal(boundary[reverse], boundary)
    settings_read, models = trained.read(out / "encoder.h5")
    patches = stream.compact(m).patches(GRAIN)
    method = autoencoder if settings is NETWORK else pca
    expected = method.codec(settings_read, models[GRAIN], number).encode(patches)
    np.testing.assert_array_equal(grain, expected)

    encoder_figures.main(SimpleNamespace(recipe=None, encoder=out, title=None, out=tmp_path / "figures"))
    assert {path.name for path in (tmp_path / "figures").iterdir()} == {
        "error_against_components.png",
        "sample_reconstructions.png",
    }


def test_a_limit_bounds_the_number_of_training_patches():
    sets = [sample.microstructures for sample in samples(GRAIN)]
    train, validation = encoder.sampled(sets, GRAIN, 10)
    whole_train, whole_validation = encoder.sampled(sets, GRAIN, 0)
    assert train.size == 10 and whole_train.size == whole_train.total > 10
    fraction = 10 / whole_train.size
    assert validation.size == np.ceil(fraction * whole_validation.size)


def test_a_microstructure_without_boundaries_has_codes_of_its_grains(components):
    m = replace(microstructures(1)[0], edges=np.zeros((0, 2), np.int32), boundary_length=np.zeros(0, np.int32))
    codec = {
        GRAIN: lambda patches: np.zeros((len(patches), 6), np.float32),
        BOUNDARY: pca.codec({}, components.model, 6).encode,
    }
    grain, boundary = codes.encode_microstructure(m, codec)
    assert grain.shape == (m.grain_id.size, 6) and boundary.shape == (0, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"method": "vae"}, "method 'vae' is none of autoencoder, "),
        ({"architecture": "wide"}, "architecture 'wide' is none of simple, tiny, deep"),
        ({"epochs": None}, "lacks epochs .method autoencoder takes"),
        (
            dict.fromkeys(NETWORK) | PCA_SETTINGS | {"components": 5000},
            "5000 components need as many grain patches; there are",
        ),
    ],
)
def test_impossible_settings_are_named(tmp_path, change, message):
    shards.write(tmp_path / "all.h5", microstructures(4))
    settings = {key: value for key, value in {**NETWORK, **change}.items() if value is not None}
    with pytest.raises(BadInput, match=message):
        encoder.main(arguments(tmp_path, settings, [tmp_path / "all.h5"]))
    assert not (tmp_path / "encoder").exists()


def test_graphs_without_boundaries_are_refused(tmp_path):
    bare = [
        replace(m, edges=np.zeros((0, 2), np.int32), boundary_length=np.zeros(0, np.int32)) for m in microstructures()
    ]
    shards.write(tmp_path / "bare.h5", bare)
    with pytest.raises(BadInput, match="no boundary to train on"):
        encoder.main(arguments(tmp_path, PCA_SETTINGS, [tmp_path / "bare.h5"]))


def test_more_components_than_an_encoder_has_and_files_of_other_kinds_are_refused(tmp_path, components):
    path = tmp_path / "encoder" / "encoder.h5"
    shards.write(tmp_path / "all.h5", microstructures(2))
    trained.write(path, PCA_SETTINGS, {BOUNDARY: components.model})
    with pytest.raises(BadInput, match=f"{path}: the encoder has 6 components, not 7; use 6 or fewer"):
        encoded(tmp_path, [tmp_path / "all.h5"], 7)
    with pytest.raises(BadInput, match=r"all.h5: not a file of graincast encoder, version 1"):
        trained.read(tmp_path / "all.h5")
    with pytest.raises(BadInput, match=r"all.h5: not a file of graincast codes, version 1"):
        codes.read(tmp_path / "all.h5")


def test_a_file_of_codes_is_read_back_in_order_of_names(tmp_path):
    rng = np.random.default_rng(0)
    parts = [(name, rng.random((n, 3)).astype("f4"), rng.random((m, 3)).astype("f4")) for name, n, m in PARTS]
    assembled = codes.assemble(parts)
    assert assembled.name == ["a", "b", "ü"]
    codes.write(tmp_path / "codes.h5", assembled)
    stored = codes.read(tmp_path / "codes.h5")
    for name, grain, boundary in parts:
        np.testing.assert_array_equal(stored.of_microstructure(name)[0], grain)
        np.testing.assert_array_equal(stored.of_microstructure(name)[1], boundary)


PARTS = [("b", 4, 6), ("ü", 1, 0), ("a", 2, 2)]


def test_principal_components_need_no_torch(tmp_path):
    shards.write(tmp_path / "all.h5", microstructures(3))
    program = """
import runpy, sys
module, sys.argv = sys.argv[1], sys.argv[1:]
runpy.run_module(module, run_name="__main__")
assert "torch" not in sys.modules
"""
    settings = str(recipe_file(tmp_path / "recipe.json", **{**PCA_SETTINGS, "components": 2}))
    graphs = ["--graphs", str(tmp_path / "all.h5")]
    folder, out = tmp_path / "encoder", tmp_path / "codes.h5"
    for command in (
        ["scripts.encoder", *graphs, "--recipe", settings, "--out", str(folder)],
        ["scripts.encode", *graphs, "--encoder", str(folder / "encoder.h5"), "--components", "2", "--out", str(out)],
    ):
        subprocess.run([sys.executable, "-c", program, *command], cwd=ROOT, check=True)
