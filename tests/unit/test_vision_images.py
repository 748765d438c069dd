"""Images for vision: independent of the place on the periodic lattice, centred on the candidate, from any file."""

import zlib
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from graincast.graphs.palette import BOUNDARY_GREY, NO_GRAIN_GREY
from graincast.microstructure import BadInput, Microstructure
from graincast.vision import images
from tests.tables import microstructure


def moved(m: Microstructure, rows: int, columns: int) -> Microstructure:
    return replace(m, labels=np.roll(m.labels, (rows, columns), axis=(0, 1)))


def square(size: int = 12, side: int = 4) -> Microstructure:
    """A square candidate of even width, so that its middle lies between sites, within one other grain."""
    m = microstructure("square", 0, size=size)
    labels = np.full((size, size), 2, np.int32)
    labels[:side, :side] = 1
    labels[-2:, :] = 0
    return replace(m, labels=labels, grain_type=np.array([0, 2], np.int8), candidate=np.array([True, False]))


@pytest.mark.parametrize("crop", [None, 9, 16])
@pytest.mark.parametrize("m", [microstructure("a", 1, size=30), microstructure("b", 2, size=17), square(16, 6)])
def test_the_place_on_the_periodic_lattice_does_not_matter(m, crop):
    picture = images.of_microstructure(m, crop, size=40)
    assert picture.shape == (40, 40) and picture.dtype == np.uint8 and np.ptp(picture) > 100
    for shift in range(1, max(m.labels.shape)):
        elsewhere = moved(m, shift, 3 * shift)
        np.testing.assert_array_equal(images.of_microstructure(elsewhere, crop, size=40), picture)


def test_grey_levels_and_the_candidate_in_the_middle():
    for shift in ((0, 0), (5, 9)):
        picture = images.whole_image(moved(square(), *shift))
        assert set(np.unique(picture)) == {BOUNDARY_GREY, NO_GRAIN_GREY, 192, 255}
        np.testing.assert_array_equal(np.argwhere(picture == 255), [[r, c] for r in range(5, 8) for c in range(5, 8)])
        outline = {(8, c) for c in range(5, 9)} | {(r, 8) for r in range(5, 9)} | {(4, c) for c in range(5, 9)}
        assert {(r, c) for r, c in outline} <= set(map(tuple, np.argwhere(picture == BOUNDARY_GREY).tolist()))
        assert (picture == NO_GRAIN_GREY).sum() == 12  # the second of two rows without grains is a boundary


def test_a_crop_is_the_middle_of_the_whole_picture():
    m = microstructure("a", 3, size=31)
    whole = images.of_microstructure(m, size=31)
    np.testing.assert_array_equal(whole, images.whole_image(m))
    np.testing.assert_array_equal(images.of_microstructure(m, crop=8, size=8), whole[11:19, 11:19])
    with pytest.raises(BadInput, match="crop: 32 does not fit into the 31 x 31 sites of a"):
        images.of_microstructure(m, crop=32)


@pytest.mark.parametrize("suffix", ["bmp", "png", "tif"])
@pytest.mark.parametrize("mode", ["L", "RGB", "P", "1"])
def test_image_files_are_read_as_grey(tmp_path, suffix, mode):
    grey = np.where(np.random.default_rng(0).random((20, 20)) < 0.5, 0, 255).astype(np.uint8)
    path = tmp_path / f"a_1.{suffix}"
    Image.fromarray(grey).convert(mode).save(path)
    np.testing.assert_array_equal(images.from_file(path, 20), grey)
    smaller = images.from_file(path, 10)
    assert smaller.shape == (10, 10) and abs(smaller.mean() - grey.mean()) < 8


def test_files_that_are_not_images_are_refused(tmp_path):
    path = tmp_path / "a_1.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64), np.uint8)).save(path)
    for content in (b"", b"not a picture", path.read_bytes()[:-2000]):
        (tmp_path / "b_1.png").write_bytes(content)
        with pytest.raises(BadInput, match="not an image file, or cut short"):
            images.from_file(tmp_path / "b_1.png")
    Image.fromarray(np.full((9, 9), 3000, np.uint16)).save(path)
    with pytest.raises(BadInput, match="I;16 pixels, of more than 8 bits"):
        images.from_file(path)
    with pytest.raises(FileNotFoundError):
        images.from_file(tmp_path / "none.png")


@pytest.mark.parametrize("form", ["EPS", "GIF", "PPM", "JPEG2000", "WEBP"])
def test_other_formats_are_refused_whatever_the_name_says(tmp_path, form, monkeypatch):
    """Pillow would hand an EPS file to Ghostscript to run."""
    from PIL import EpsImagePlugin

    monkeypatch.setattr(EpsImagePlugin, "Ghostscript", lambda *_, **__: pytest.fail("Ghostscript was run"))
    try:
        Image.new("L", (9, 9)).convert("RGB").save(tmp_path / "Cr_1.png", form)
    except (KeyError, OSError) as error:
        pytest.skip(f"Pillow cannot write it here: {error}")
    with pytest.raises(BadInput, match="not an image file, or cut short, or none of BMP, PNG, JPEG, TIFF"):
        images.from_file(tmp_path / "Cr_1.png")


@pytest.mark.parametrize("side", [2**13 + 1, 14_000, 30_000])
def test_an_image_of_too_many_pixels_is_refused_before_it_is_decoded(tmp_path, side, recwarn):
    """A file of a few bytes can claim gigabytes."""
    header = b"IHDR" + side.to_bytes(4, "big") * 2 + bytes([8, 0, 0, 0, 0])
    chunks = [header, b"IDAT" + zlib.compress(b"\0" * 99), b"IEND"]
    packed = [(len(one) - 4).to_bytes(4, "big") + one + zlib.crc32(one).to_bytes(4, "big") for one in chunks]
    (tmp_path / "Cr_1.png").write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(packed))
    with pytest.raises(BadInput, match=r"an image of too many pixels \(over 67108864\); shrink it"):
        images.from_file(tmp_path / "Cr_1.png")
    assert not recwarn
