"""Labelled images and vision tables: classes by file names, round trips, and the program from files to features."""

import json
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
from tests.tables import microstructure

SETTINGS = {"crop": None, "size": 32, "network": {"random": 3}, "batch": 4}


def write_images(root: Path) -> None:
    """Six images of two classes, two that cannot be used and one that is another's copy."""
    rng = np.random.default_rng(0)
    (root / "more" / "deep").mkdir(parents=True)
    for name in ("Cr_1.bmp", "Cr_2.BMP", "In_1.png", "more/In_23.tif", "more/deep/Cr_30.png", "more/deep/In_4.jpg"):
        Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(root / name)
    (root / "In_99.png").write_bytes(b"no picture")
    Image.fromarray(rng.integers(0, 256, (9, 9), np.uint8)).save(root / "unnamed.png")
    (root / "more" / "In_1_again.png").write_bytes((root / "In_1.png").read_bytes())
    for other in ("readme.txt", ".Cr_5.bmp"):
        (root / other).write_text("nothing")


def scanned(root: Path, folder: Path) -> list[Path]:
    source = "labelled-images"
    manifest.scan(root, sources.RUNS[source], sources.FILES[source], 2, folder)
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
    with pytest.raises(BadInput, match="the name says no class; name images CLASS_NUMBER"):
        labelled.class_of(name)


def test_images_of_all_folders_are_runs(tmp_path):
    write_images(tmp_path / "raw")
    (tmp_path / "raw" / "again").symlink_to(tmp_path / "raw")
    found = [path.relative_to(tmp_path / "raw").as_posix() for path in sources.image_files(tmp_path / "raw")]
    assert found == sorted(found) and len(found) == 9 and "more/deep/In_4.jpg" in found and "Cr_2.BMP" in found


@pytest.mark.parametrize("kind", ["grains", "labels"])
def test_tables_are_read_back_whole(tmp_path, kind):
    x = np.random.default_rng(0).normal(size=(3, 5)).astype(np.float32)
    if kind == "grains":
        one = table.of_microstructures(["c", "a/ü", "b"], "a network", x, [[1.5], [2, 3], [4]])
        assert [ratios.tolist() for ratios in one.candidate_ratios()] == [[2, 3], [4], [1.5]]
    else:
        one = table.of_labelled(["c", "a/ü", "b"], "a network", x, ["Cr", "PS", "Cr"])
        assert one.label.tolist() == [1, 0, 0] and one.classes == ["Cr", "PS"]
    assert one.name == ["a/ü", "b", "c"] and one.columns == ["fc1[5]"]
    np.testing.assert_array_equal(one.x, x[[1, 2, 0]])
    table.write(tmp_path / "x.h5", one)
    back = table.read(tmp_path / "x.h5")
    for field in fields(one):
        a, b = getattr(one, field.name), getattr(back, field.name)
        assert type(a) is type(b)
        np.testing.assert_array_equal(a, b, strict=isinstance(a, np.ndarray))
    assert back.fingerprint == one.fingerprint
    for change in ({"network": "another"}, {"x": one.x + 1}, {"name": ["a", "b", "d"]}):
        assert replace(one, **change).fingerprint != one.fingerprint


def test_the_program_on_labelled_images(tmp_path, monkeypatch, capsys):
    write_images(tmp_path / "raw")
    manifests = scanned(tmp_path / "raw", tmp_path / "manifests")
    out, rejected = tmp_path / "out" / "x.h5", tmp_path / "out" / "rejected.csv"
    arguments = ["--name", "d/v", "--images", *manifests, "--root", tmp_path / "raw", "--out", out]
    program(monkeypatch, *arguments, "--settings", json.dumps(SETTINGS), "--rejected", rejected)
    made = table.read(out)
    assert made.name == [
        "Cr_1.bmp",
        "Cr_2.BMP",
        "In_1.png",
        "more/In_23.tif",
        "more/deep/Cr_30.png",
        "more/deep/In_4.jpg",
    ]
    assert [made.classes[i] for i in made.label] == ["Cr", "Cr", "In", "In", "Cr", "In"]
    assert made.network == "vgg16 with random weights, seed 3"
    picture = images.from_file(tmp_path / "raw" / "more" / "In_23.tif", 32)
    module, _ = vgg16.load({"random": 3}, 2, 12)
    np.testing.assert_allclose(made.x[3], vgg16.features(module, [picture])[0], rtol=1e-4, atol=1e-6)
    assert csv_table.rows(rejected) == [
        ["In_99.png", "not an image file, or cut short"],
        ["more/In_1_again.png", "the same content as In_1.png"],
        ["unnamed.png", "the name says no class; name images CLASS_NUMBER, such as Cr_1.bmp"],
    ]
    errors = capsys.readouterr().err
    assert "vision d/v: 9/9 images" in errors and "rejected: In_99.png: not an image file" in errors

    out.unlink()
    with pytest.raises(SystemExit):
        program(monkeypatch, *arguments, "--settings", json.dumps(SETTINGS), "--max-rejected", 0.2)
    assert "3 of 9 rejected" in capsys.readouterr().err and not out.exists()
    with pytest.raises(SystemExit):
        program(monkeypatch, *arguments, "--settings", json.dumps({**SETTINGS, "crop": 20}))
    assert "crop: 20 has no effect on labelled images" in capsys.readouterr().err
    (tmp_path / "raw" / "Cr_1.bmp").write_bytes(b"another")
    with pytest.raises(SystemExit):
        program(monkeypatch, *arguments, "--settings", json.dumps(SETTINGS))
    assert "Cr_1.bmp: changed while the workflow was running" in capsys.readouterr().err and not out.exists()


def test_the_program_on_grain_graphs(tmp_path, monkeypatch):
    many = [microstructure(f"m{seed}", seed, records=(2, 3)[: seed % 2 + 1]) for seed in range(5)]
    shards.write(tmp_path / "0.h5", many[::2])
    shards.write(tmp_path / "1.h5", many[1::2])
    graphs = [tmp_path / "0.h5", tmp_path / "1.h5"]
    settings = json.dumps({**SETTINGS, "crop": 12})
    out = ["--out", tmp_path / "x.h5", "--rejected", tmp_path / "rejected.csv"]
    program(monkeypatch, "--name", "d/v", "--graphs", *graphs, "--settings", settings, *out)
    assert csv_table.rows(tmp_path / "rejected.csv") == []
    made = table.read(tmp_path / "x.h5")
    assert made.name == [one.name for one in many] and made.label is None
    module, _ = vgg16.load({"random": 3}, 2, 12)
    expected = vgg16.features(module, [images.of_microstructure(one, 12, 32) for one in many])
    np.testing.assert_allclose(made.x, expected, rtol=1e-4, atol=1e-6)
    for one, ratios in zip(many, made.candidate_ratios(), strict=True):
        own = one.candidate.argmax()
        assert ratios.tolist() == [area[-1, own] / area[0, own] for area in one.areas]
