"""Label images of every form give the same map; what is malformed is set aside with its reason."""

import io
import resource
import struct
import zlib

import h5py
import numpy as np
import pytest
from PIL import Image

from graincast.configuration.errors import ConfigError
from graincast.configuration.load import load
from graincast.configuration.yaml_file import read as read_yaml
from graincast.graphs.laue_groups import LAUE_GROUPS
from graincast.graphs.orientations import from_euler
from graincast.microstructure import BadInput
from graincast.raw import label_image
from graincast.raw.limits import MAX_SITES
from tests.maps import made_labels, read_folder
from tests.workflow import small

LABELS = made_labels() * 3
LABELS[:2, :3] = 0
IDS = np.unique(LABELS)[1:]


def write_npy(path, labels):
    np.save(path, labels)


def write_hdf5(path, labels):
    with h5py.File(path, "w") as file:
        file["maps/labels"] = labels
        file["notes"] = np.arange(3)


def write_image(path, labels):
    Image.fromarray(labels).save(path)


FORMS = {
    "a.npy": (write_npy, np.int64),
    "b.npy": (write_npy, np.uint8),
    "big-endian.npy": (write_npy, ">i2"),
    "column-major.npy": (lambda path, labels: np.save(path, np.asfortranarray(labels)), np.int32),
    "a.h5": (write_hdf5, np.uint16),
    "grey.png": (write_image, np.uint8),
    "deep.png": (write_image, np.uint16),
    "a.tif": (write_image, np.uint16),
    "deep.TIFF": (write_image, np.int32),
}


@pytest.mark.parametrize("name", FORMS)
def test_every_form_gives_the_same_map(tmp_path, name):
    write, kind = FORMS[name]
    write(tmp_path / name, LABELS.astype(kind))
    found = label_image.read(tmp_path / name, name, spacing=0.5)
    np.testing.assert_array_equal(np.concatenate([[0], found.grain_id])[found.labels], LABELS)
    np.testing.assert_array_equal(found.grain_id, IDS)
    assert found.periodic == (False, False) and found.spacing == 0.5 and found.grains is None


@pytest.mark.parametrize("name", ["a.npy", "a.h5", "a.tif"])
@pytest.mark.parametrize(("axis", "at"), [("z", (1,)), ("y", (slice(None), 2)), ("x", (slice(None), slice(None), 3))])
def test_a_slice_of_a_volume(tmp_path, name, axis, at):
    volume = np.stack([LABELS, np.roll(LABELS, 5, 1), LABELS[::-1]]).astype(np.uint16)
    path = tmp_path / name
    if name.endswith("tif"):
        first, *others = (Image.fromarray(plane) for plane in volume)
        first.save(path, save_all=True, append_images=others)
    else:
        FORMS[name][0](path, volume)
    found = label_image.read(path, name, slice={"axis": axis, "index": {"z": 1, "y": 2, "x": 3}[axis]})
    np.testing.assert_array_equal(np.concatenate([[0], found.grain_id])[found.labels], volume[at])
    with pytest.raises(BadInput, match=r"3 x 20 x 24 sites .*take a slice, such as `slice: \{axis: z, index: 0\}`"):
        label_image.read(path, name)
    with pytest.raises(BadInput, match=r"slice.index: 24 is not one of the"):
        label_image.read(path, name, slice={"axis": axis, "index": 24})


def table_of(order=None, **columns) -> str:
    """A table of all grains."""
    columns = {"grain": IDS, **columns}
    rows = [
        ",".join(str(values[i]) for values in columns.values()) for i in (range(IDS.size) if order is None else order)
    ]
    return "\n".join([",".join(columns), *rows]) + "\n"


def test_the_table_beside_an_image(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    rng = np.random.default_rng(1)
    euler = rng.uniform(0, 90, (IDS.size, 3)).round(3)
    angles = {f"euler_{i + 1}": euler[:, i] for i in range(3)}
    names = [f"g{i}" for i in IDS]
    text = table_of(
        rng.permutation(IDS.size), phase=IDS % 2, laue=["m-3m"] * IDS.size, **angles, size=IDS / 2, name=names
    )
    (tmp_path / "a.csv").write_text(text)
    grains = label_image.read(tmp_path / "a.npy", "a").grains
    np.testing.assert_array_equal(grains.phase, IDS % 2)
    np.testing.assert_array_equal(grains.laue, LAUE_GROUPS.index("m-3m"))
    np.testing.assert_allclose(grains.orientation, from_euler(np.radians(euler)), atol=1e-12)
    assert set(grains.columns) == {"size", "name"}
    np.testing.assert_array_equal(grains.columns["size"], IDS / 2)
    assert grains.columns["name"].tolist() == names


def test_quaternions_of_any_length_and_grains_without_one(tmp_path):
    np.save(tmp_path / "a.npy", LABELS)
    quaternion = np.random.default_rng(2).normal(size=(IDS.size, 4)).round(3).astype(object)
    length = np.linalg.norm(quaternion.astype(float), axis=1, keepdims=True)
    expected = quaternion.astype(float) / length
    quaternion[2], expected[2] = "", np.nan
    (tmp_path / "a.csv").write_text(table_of(**{f"quat_{c}": quaternion[:, i] for i, c in enumerate("xyzw")}))
    np.testing.assert_allclose(label_image.read(tmp_path / "a.npy", "a").grains.orientation, expected, atol=1e-12)


def test_the_program_reads_a_folder(tmp_path):
    raw = tmp_path / "raw"
    (raw / "below").mkdir(parents=True)
    np.save(raw / "a.npy", LABELS)
    (raw / "a.csv").write_text(
        table_of(kind=["red" if i % 2 else "blue" for i in range(IDS.size)], first=[i == 0 for i in range(IDS.size)])
    )
    write_image(raw / "below/b.png", made_labels(seed=1).astype(np.uint16))
    (raw / "below/b.csv").write_text("grain,kind,first\n" + "".join(f"{i},1,{i == 2}\n" for i in range(1, 10)))
    types = {"by": "column", "column": "kind"}
    graphs, rejected = read_folder(raw, tmp_path, "label-image", types, candidates={"column": "first"}, spacing=2.0)
    assert not rejected
    assert [graph.name for graph in graphs] == [f"a.npy@{IDS[0]}", "below/b.png@2"]
    assert graphs[0].grain_type.tolist() == [0, *(2 if i % 2 else 1 for i in range(1, IDS.size))]
    assert graphs[0].spacing == 2 and graphs[0].runs == []


def test_an_edited_table_is_another_run(tmp_path):
    raw = tmp_path / "raw"
    raw.mkdir()
    np.save(raw / "a.npy", LABELS)
    np.save(raw / "b.npy", LABELS)
    (raw / "b.csv").write_text(table_of(size=IDS))
    graphs, rejected = read_folder(raw, tmp_path, "label-image", candidates="largest")
    assert len(graphs) == 2 and not rejected  # one with a table is no copy of one without
    (raw / "a.csv").write_text(table_of(size=IDS))
    graphs, rejected = read_folder(raw, tmp_path, "label-image", candidates="largest")
    assert rejected == {"b.npy": "the same content as a.npy"}


def test_a_configuration(tmp_path):
    small.write_configuration(tmp_path)
    file = tmp_path / "small.yaml"
    text = file.read_text()
    file.write_text(text.replace("source: deepspparks-json", "source: label-image\n    types: {by: column}"))
    dataset = load(read_yaml(file), file)["datasets"]["given"]
    assert dataset["dataset"] is None and dataset["slice"] is None and dataset["types"]["column"] == "type"
    file.write_text(text.replace("source: deepspparks-json", "source: label-image"))
    with pytest.raises(ConfigError, match="source label-image encodes no grain types; choose one of column, misorient"):
        load(read_yaml(file), file)


def npy(shape, kind="<i4", content=b"", **header):
    """A .npy file that claims a shape and a type."""
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": kind, "fortran_order": False, "shape": shape, **header})
    return stream.getvalue() + content


def png(labels, **how):
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, "PNG", **how)
    return stream.getvalue()


def png_claiming(width, height):
    """A PNG file whose header claims a size, with the right checksum."""
    content = png(GREY)
    header = b"IHDR" + struct.pack(">II", width, height) + content[24:29]
    return content[:12] + header + struct.pack(">I", zlib.crc32(header)) + content[33:]


def jpeg_tiff(labels):
    stream = io.BytesIO()
    Image.fromarray(labels).save(stream, "TIFF", compression="jpeg")
    return stream.getvalue()


def hdf5(**datasets):
    stream = io.BytesIO()
    with h5py.File(stream, "w") as file:
        for name, (shape, kind) in datasets.items():
            file.create_dataset(name, shape, kind, chunks=tuple(min(size, 64) for size in shape) or None)
    return stream.getvalue()


GREY = LABELS.astype(np.uint8)
HUGE = 10**6
MALFORMED = {
    "not-npy.npy": (b"no array", "not a .npy file, or cut short"),
    "cut.npy": (
        npy((20, 24), content=LABELS.tobytes()[:-1]),
        "claims the shape [20, 24] of int32, but holds 1919 bytes",
    ),
    "long.npy": (npy((20, 24), content=LABELS.tobytes() + b"1"), "claims the shape [20, 24] of int32, but holds 1921"),
    "claim.npy": (npy((HUGE, HUGE)), f"claims the shape [{HUGE}, {HUGE}] of int32, but holds 0 bytes"),
    "negative-shape.npy": (npy((-20, -24), content=LABELS.tobytes()), "a label image of shape [-20, -24]"),
    "float.npy": (npy((20, 24), "<f4", LABELS.tobytes()), "holds values of type float32, not whole numbers"),
    "pickled.npy": (npy((20, 24), "|O", LABELS.tobytes() * 2), "holds values of type object, not whole numbers"),
    "line.npy": (npy((480,), content=LABELS.tobytes()), "a label image of shape [480]"),
    "four.npy": (npy((2, 10, 12, 2), content=LABELS.tobytes()), "a label image of shape [2, 10, 12, 2]"),
    "volume.npy": (npy((2, 10, 24), content=LABELS.tobytes()), "take a slice"),
    "negative.npy": (npy((20, 24), content=(-LABELS).tobytes()), "grain id -27 is below 0 or beyond 32 bits"),
    "empty.npy": (npy((20, 24), content=(0 * LABELS).tobytes()), "no grains: all labels are 0"),
    "beyond.npy": (npy((1, 1), "<u8", b"\xff" * 8), f"grain id {2**64 - 1} is below 0 or beyond 32 bits"),
    "not-hdf5.h5": (b"no file", "not-hdf5.h5 is not an HDF5 file, or cut short"),
    "none.h5": (hdf5(a=((9, 9), "f4")), "0 datasets of whole numbers in a plane; name one by the key dataset"),
    "several.h5": (hdf5(a=((9, 9), "i4"), b=((9, 9), "u2")), "2 datasets of whole numbers in a plane: a, b; name one"),
    "claim.h5": (hdf5(a=((HUGE, HUGE), "i4")), "dataset a of shape [1000000, 1000000], chunks [64, 64], is too large"),
    "colour.png": (png(np.stack([GREY] * 3, axis=-1)), "RGB pixels are not grain ids"),
    "cut.png": (png(GREY)[:-30], "not an image file, or cut short"),
    "claim.png": (png_claiming(HUGE, HUGE), "too many pixels"),
    "text.png": (b"no image", "not an image file, or cut short, or none of PNG, TIFF"),
    "lossy.tif": (jpeg_tiff(GREY), "jpeg compression changes grain ids; save it without loss"),
}


@pytest.fixture(scope="module")
def rejected(tmp_path_factory):
    folder = tmp_path_factory.mktemp("malformed")
    raw = folder / "raw"
    raw.mkdir()
    np.save(raw / "good.npy", LABELS)
    for name, (content, _) in MALFORMED.items():
        (raw / name).write_bytes(content)
    graphs, reasons = read_folder(raw, folder, "label-image", candidates="largest")
    assert [graph.group for graph in graphs] == ["good.npy"]
    return reasons


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_images_are_named_and_set_aside(rejected, name):
    assert MALFORMED[name][1] in rejected[name]


MALFORMED_TABLES = {
    "no-grain": (table_of().replace("grain", "id"), "the first column is 'id', not grain"),
    "empty": ("", "the first column is '', not grain"),
    "short-row": (table_of(size=IDS) + "1\n", "row 11 has 1 entries, not 2"),
    "no-id": (table_of() + "x\n", "grain id 'x' is not a whole number"),
    "zero": (table_of() + "0\n", "grain id '0' is not a whole number from 1"),
    "twice": (table_of() + "3\n", "grain 3 has 2 rows"),
    "unknown": (table_of() + "4\n", "grain 4 is in the table, but not in the image (1 such grains)"),
    "lacking": (table_of().replace("\n27", ""), "grain 27 is in the image, but not in the table (1 such grains)"),
    "same-names": (table_of(a=IDS).replace("a\n", "grain\n", 1), "two columns are called 'grain'"),
    "no-name": (table_of(a=IDS).replace(",a\n", ",\n", 1), "the column name '' is empty"),
    "laue": (table_of(laue=["cubic"] * 9), "laue: 'cubic' is none of -1, 2/m"),
    "phase": (table_of(phase=["a"] * 9), "phase 'a' is not a whole number"),
    "two-angles": (table_of(euler_1=IDS, euler_2=IDS), "column euler_1, but not all of euler_1, euler_2, euler_3"),
    "angle": (table_of(euler_1=IDS, euler_2=IDS, euler_3=["x"] * 9), "euler_1 to euler_3 hold an entry that is not a"),
    "part": (table_of(euler_1=IDS, euler_2=IDS, euler_3=[""] * 9), "grain 3 has no finite euler_1 to euler_3"),
    "length": (table_of(quat_x=[0] * 9, quat_y=[0] * 9, quat_z=[0] * 9, quat_w=[0] * 9), "or a length of 0"),
    "latin-1": (table_of(name=["Korngröße"] * 9).encode("latin-1"), "not a table of comma-separated values in UTF-8"),
}


@pytest.mark.parametrize("name", MALFORMED_TABLES)
def test_malformed_tables_are_named_and_set_aside(tmp_path, name):
    text, reason = MALFORMED_TABLES[name]
    np.save(tmp_path / "a.npy", LABELS)
    (tmp_path / "a.csv").write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(BadInput) as error:
        label_image.read(tmp_path / "a.npy", "a")
    assert str(error.value).startswith("a.csv: ") and reason in str(error.value)


def test_a_claim_of_many_pixels_costs_no_memory(tmp_path):
    path = tmp_path / "a.npy"
    with path.open("wb") as file:  # 4 TB that take no space
        file.write(npy((HUGE, HUGE)))
        file.truncate(file.tell() + 4 * HUGE * HUGE)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(BadInput, match=f"too many pixels .over {MAX_SITES}"):
        label_image.read(path, "a")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 2**16  # kB
