"""A map with the values of its grains as a pair of XDMF and HDF5 files, which ParaView and DREAM.3D open.

The HDF5 file holds one array per column, [height, width], the grain's value at each site (0, or NaN, where there is no
grain); the XDMF file describes them as cells of a regular grid. XDMF lists axes from the slowest: z, y, x.
"""

from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree

import numpy as np

from graincast.files import hdf5
from graincast.files.atomic import write_text

_TYPES = {"f": ("Float", 8, np.float64), "i": ("Int", 4, np.int32), "b": ("UChar", 1, np.uint8)}


def write(stem: Path, labels: np.ndarray, columns: Mapping[str, np.ndarray], spacing: float | None) -> None:
    """Write `stem`.xdmf and `stem`.h5, each whole. Columns that are text are left out.

    labels   int32 [height, width]; row of the columns + 1, or 0 where there is no grain
    columns  values of the grains by name, each [n]
    spacing  distance of neighbouring sites, µm; None: 1
    """
    height, width = labels.shape
    data = stem.with_name(f"{stem.name}.h5")
    shown = {name: values for name, values in columns.items() if values.dtype.kind in "fiub"}
    with hdf5.written(data) as file:
        for name, values in shown.items():
            kind = values.dtype.kind.replace("u", "i")
            empty = np.nan if kind == "f" else 0
            at_site = np.concatenate([[empty], values]).astype(_TYPES[kind][2])[labels]
            file.create_dataset(name.replace("/", "_"), data=at_site, compression="gzip", shuffle=True)
    root = ElementTree.Element("Xdmf", Version="3.0")
    grid = ElementTree.SubElement(ElementTree.SubElement(root, "Domain"), "Grid", Name=stem.name, GridType="Uniform")
    points = f"2 {height + 1} {width + 1}"
    ElementTree.SubElement(grid, "Topology", TopologyType="3DCoRectMesh", Dimensions=points)
    geometry = ElementTree.SubElement(grid, "Geometry", GeometryType="ORIGIN_DXDYDZ")
    step = 1.0 if spacing is None else spacing
    for text in ("0 0 0", f"{step:.9g} {step:.9g} {step:.9g}"):
        ElementTree.SubElement(geometry, "DataItem", Dimensions="3", Format="XML").text = text
    for name, values in shown.items():
        number, precision, _ = _TYPES[values.dtype.kind.replace("u", "i")]
        attribute = ElementTree.SubElement(grid, "Attribute", Name=name, AttributeType="Scalar", Center="Cell")
        item = ElementTree.SubElement(
            attribute,
            "DataItem",
            Dimensions=f"1 {height} {width}",
            NumberType=number,
            Precision=str(precision),
            Format="HDF",
        )
        item.text = f"{data.name}:/{name.replace('/', '_')}"
    ElementTree.indent(root)
    write_text(stem.with_name(f"{stem.name}.xdmf"), ElementTree.tostring(root, encoding="unicode") + "\n")
