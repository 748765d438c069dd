"""Make the pictures of the README and the docs: growth as a picture and as a film, and the graph of rules."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from graincast.figures import film, microstructure
from graincast.figures.style import save
from graincast.graphs.boundaries import adjacency
from graincast.graphs.from_labels import from_labels
from graincast.graphs.palette import COLOUR, NAME
from graincast.microstructure import CANDIDATE, Microstructure
from graincast.potts import protocol

HERE = Path(__file__).parent


def state(labels: np.ndarray, types: np.ndarray, candidate_from: np.ndarray) -> np.ndarray:
    """The picture of a state, rolled as the initial one so that the candidate stays in the middle."""
    kinds = types[1:]
    edges, length = adjacency(labels, kinds.size)
    one = Microstructure(
        "", "", labels, np.arange(1, kinds.size + 1), kinds, kinds == 0, edges, length, np.zeros(0), [], [], []
    )
    return microstructure.rgb(one, centre_of=candidate_from)


def growth_picture(path: Path) -> None:
    initial = protocol.initialise(256, temperature=0.9, time=125, quench_temperature=0.1, quench_time=3, seed=4)
    types = protocol.assign_types(initial, 0.2, seed=4)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    middle = initial == np.flatnonzero(types[1:] == 0)[0] + 1
    for axes, end in zip(figure.subplots(1, 3), (0, 250_000, 1_000_000), strict=True):
        labels, title = initial, "initial state"
        if end:
            grown = protocol.grow(initial, types, temperature=0.9, record_times=np.array([0.0, end]), seed=1)
            ratio = grown.areas[-1][types == 0].max() / middle.sum()
            labels, title = grown.labels, f"{end:,} MCS: growth ratio {ratio:.1f}"
        axes.imshow(state(labels, types, middle), interpolation="nearest")
        axes.set_axis_off()
        axes.set_title(title, fontsize=9)
    patches = [Patch(color=colour, label=NAME[kind]) for kind, colour in COLOUR.items()]
    figure.legend(handles=patches, loc="outside lower center", ncols=3, frameon=False)
    save(figure, path, dpi=110)


def growth_film(path: Path) -> None:
    """The same on a lattice of 96², as a film."""
    initial = protocol.initialise(96, temperature=0.9, time=40, quench_temperature=0.1, quench_time=3, seed=4)
    types = protocol.assign_types(initial, 0.3, seed=4)[1:]
    one = replace(from_labels("growth", initial, (True, True)), grain_type=types, candidate=types == CANDIDATE)
    film.write(path, one, end=300_000, pictures=25, seed=1)


def rule_picture(path: Path) -> None:
    graph = subprocess.run(
        ["snakemake", "--rulegraph", "dot", "--configfile", "config/smoke/config.yaml"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    graph = graph[graph.index("digraph") :]
    (target,) = re.findall(r'(\d+)\[label = "all"', graph)  # the rule that only collects files hides the others
    graph = "\n".join(line for line in graph.splitlines() if not re.search(rf"^\s*{target}\[|-> {target}$", line))
    subprocess.run(["dot", "-Tpng", "-Gdpi=90", "-o", str(path)], input=graph, text=True, check=True)


if __name__ == "__main__":
    growth_picture(HERE / "microstructure.png")
    growth_film(HERE / "growth.gif")
    rule_picture(HERE / "rules.png")
