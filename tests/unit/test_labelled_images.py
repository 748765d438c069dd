"""Labelled images and vision tables: classes by file names, round trips, and the program from files to features."""

import runpy
import sys
from dataclasses import fields, replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from graincast.files import csv_table
from graincast.graphs import shards
from graincast.microstructure import BadInput
from graincast.raw import manifest, sources
from graincast.vision import images, labelled, table, vgg16
from tests.recipes import recipe_file
from tests.tables import microstructure

SETTINGS = {"crop": None, "size": 32, "network": {"random": 3}, "batch": 4}


def write_images(root: Path) -> None:
    """Write six images of two classes, two unusable ones, a duplicate and a link that leads nowhere."""
    rng = np.random.default_rng(0)
    (root / "more" / "deep").mkdir(parents=True)
    for name in ("Cr_1.bmp", "Cr_2.BMP", "In_1.png", "more/In_23.tif", "more/deep/Cr_30.png", "more/deep/In_4.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(root / name)
    (root / "In_99.png").write_bytes(b"not a picture")
    Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8)).save(root / "unnamed.png")
    (root / "more" / "In_1_again.png").write_bytes((root / "In_1.png").read_bytes())
    (root / "Cr_9.png").symlink_to("absent.png")
    for other in ("readme.txt", ".Cr_5.bmp"):
        (root / other).write_text("nothing")


def scanned(root: Path, folder: Path) -> list[Path]:
    source = sources.SOURCES["labelled-images"]
    manifest.scan(root, source.runs, source.files, 2, folder)
    return [folder / "0000.json", folder / "0001.json"]


def program(monkeypatch, *arguments: object) -> None:
    monkeypatch.setattr(sys, "argv", ["vision_features", *map(str, arguments)])
    monkeypatch.setattr(vgg16.load, "__defaults__", (2, 12))  # a narrow network
    monkeypatch.delitem(sys.modules, "scripts.vision_features", raising=False)
    runpy.run_module("scripts.vision_features", run_name="__main__")


@pytest.mark.parametrize(
    ("name", "label"), [("Cr_1.bmp", "Cr"), ("a/rolled_in_23.x.png", "rolled_in"), ("b_c/PS_2", "PS")]
)
def test_the_class_stands_before_the_last_underscore(name, label):
    assert labelled.class_of(name) == label


@pytest.mark.parametrize("name", ["crazing.bmp", "_1.png", "a_b/c.png"])
def test_a_name_without_a_class_is_refused(name):
    with pytest.raises(BadInput, match="the file name has no class; name images CLASS_NUMBER"):
        labelled.class_of(name)


def test_images_are_found_in_all_folders(tmp_path):
    write_images(tmp_path / "raw")
    (tmp_path / "raw" / "again").symlink_to(tmp_path / "raw")
    names = [path.relative_to(tmp_path / "raw").as_posix() for path in sources.image_files(tmp_path / "raw")]
    assert names == sorted(names) and len(names) == 10 and "more/deep/In_4.jpg" in names and "Cr_2.BMP" in names


@pytest.mark.parametrize("kind", ["grains", "labels"])
def test_tables_are_read_back_unchanged(tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    if kind == "grains":
        vision_table = table.of_microstructures(
            ["c", "a/ü", "b"], ["m", "ü", "m"], "a network", x, [[1.5], [2, 3], [4]]
        )
        assert vision_table.group == ["ü", "m", "m"]
        assert [ratios.tolist() for ratios in vision_table.candidate_ratios()] == [[2, 3], [4], [1.5]]
    else:
        vision_table = table.of_labelled(["c", "a/ü", "b"], "a network", x, ["Cr", "PS", "Cr"])
        assert vision_table.group == vision_table.name
        assert vision_table.label.tolist() == [1, 0, 0] and vision_table.classes == ["Cr", "PS"]
    assert vision_table.name == ["a/ü", "b", "c"] and vision_table.columns == ["fc1[5]"]
    np.testing.assert_array_equal(vision_table.x, x[[1, 2, 0]])
    table.write(tmp_path / "x.h5", vision_table)
    stored = table.read(tmp_path / "x.h5")
    for field in fields(vision_table):
        a, b = getattr(vision_table, field.name), getattr(stored, field.name)
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=isinstance(a, np.ndarray))
    assert stored.fingerprint == vision_table.fingerprint
    for change in ({"network": "another"}, {"x": vision_table.x + 1}, {"name": ["a", "b", "d"]}):
        assert replace(vision_table, **change).fingerprint != vision_table.fingerprint


def test_the_program_on_labelled_images(tmp_path, monkeypatch, capsys):
    write_images(tmp_path / "raw")
    manifests = scanned(tmp_path / "raw", tmp_path / "manifests")
    out, rejected = tmp_path / "out" / "x.h5", tmp_path / "out" / "rejected.csv"
    arguments = ["--name", "d/v", "--images", *manifests, "--root", tmp_path / "raw", "--out", out]
    settings = recipe_file(tmp_path / "recipe.json", **SETTINGS)
    program(monkeypatch, *arguments, "--recipe", settings, "--rejected", rejected)
    features = table.read(out)
    assert features.name == [
        "Cr_1.bmp",
        "Cr_2.BMP",
        "In_1.png",
        "more/In_23.tif",
        "more/deep/Cr_30.png",
        "more/deep/In_4.jpg",
    ]
    assert [features.classes[i] for i in features.label] == ["Cr", "Cr", "In", "In", "Cr", "In"]
    assert features.network == "vgg16 with random weights, seed 3"
    picture = images.from_file(tmp_path / "raw" / "more" / "In_23.tif", 32)
    module, _ = vgg16.load({"random": 3}, 2, 12)
    np.testing.assert_allclose(features.x[3], vgg16.features(module, [picture])[0], rtol=1e-4, atol=1e-6)
    assert csv_table.rows(rejected) == [
        ["Cr_9.png", "a symbolic link that leads nowhere; fetch the file or remove the link"],
        ["In_99.png", "not an image file, or cut short, or none of BMP, PNG, JPEG, TIFF"],
        ["more/In_1_again.png", "the same content as In_1.png"],
        ["unnamed.png", "the file name has no class; name images CLASS_NUMBER, such as Cr_1.bmp"],
    ]
    errors = capsys.readouterr().err
    assert "vision d/v: 10/10 images" in errors and "rejected: In_99.png: not an image file" in errors

    out.unlink()
    with pytest.raises(SystemExit):
        program(
            monkeypatch,
            *arguments,
            "--recipe",
            recipe_file(tmp_path / "recipe.json", **SETTINGS),
            "--max-rejected",
            0.2,
        )
    assert "4 of 10 rejected" in capsys.readouterr().err and not out.exists()
    with pytest.raises(SystemExit):
        program(monkeypatch, *arguments, "--recipe", recipe_file(tmp_path / "recipe.json", **{**SETTINGS, "crop": 20}))
    assert "crop: 20 has no effect on labelled images" in capsys.readouterr().err
    (tmp_path / "raw" / "Cr_1.bmp").write_bytes(b"another")
    with pytest.raises(SystemExit):
        program(monkeypatch, *arguments, "--recipe", recipe_file(tmp_path / "recipe.json", **SETTINGS))
    assert "Cr_1.bmp: changed while the workflow was running" in capsys.readouterr().err and not out.exists()


def test_the_program_on_grain_graphs(tmp_path, monkeypatch):
    microstructures = [
        replace(microstructure(f"m{seed}", seed, records=(2, 3)[: seed % 2 + 1]), group=f"map {seed // 2}")
        for seed in range(5)
    ]
    shards.write(tmp_path / "0.h5", microstructures[::2])
    shards.write(tmp_path / "1.h5", microstructures[1::2])
    graphs = [tmp_path / "0.h5", tmp_path / "1.h5"]
    settings = recipe_file(tmp_path / "recipe.json", **{**SETTINGS, "crop": 12})
    out = ["--out", tmp_path / "x.h5", "--rejected", tmp_path / "rejected.csv"]
    program(monkeypatch, "--name", "d/v", "--graphs", *graphs, "--recipe", settings, *out)
    assert csv_table.rows(tmp_path / "rejected.csv") == []
    features = table.read(tmp_path / "x.h5")
    assert features.name == [m.name for m in microstructures] and features.label is None
    assert features.group == [m.group for m in microstructures]
    module, _ = vgg16.load({"random": 3}, 2, 12)
    expected = vgg16.features(module, [images.of_microstructure(m, 12, 32) for m in microstructures])
    np.testing.assert_allclose(features.x, expected, rtol=1e-4, atol=1e-6)
    for m, ratios in zip(microstructures, features.candidate_ratios(), strict=True):
        candidate = m.candidate.argmax()
        assert ratios.tolist() == [area[-1, candidate] / area[0, candidate] for area in m.areas]
