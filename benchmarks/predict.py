"""How long a trained model takes for a map of 445 grains, each of them a candidate.

    python -m benchmarks.predict

The map is 512 x 512, a periodic Voronoi tessellation; the models are trained for an instant on others, as only the time
of prediction counts. Beside each: the same without shared work, one candidate at a time, for some of the candidates.
"""

import argparse
import json
from collections.abc import Mapping

import numpy as np
from scipy.spatial import cKDTree

from benchmarks import results
from benchmarks.comparison import figures, in_turn
from graincast.experiment import declaration
from graincast.experiment.targets import of_data
from graincast.features import table
from graincast.features.rows import row
from graincast.graphs.from_labels import from_labels
from graincast.graphs.samples import samples
from graincast.microstructure import Microstructure
from graincast.models import by_name
from graincast.prediction.map_prediction import of_samples
from graincast.prediction.trained_model import TrainedModel
from graincast.program.main import run

FEATURES = {
    "sgc": ["type", "degree", "area", "perimeter", "equivalent_diameter", "major_axis_length", "minor_axis_length"],
    "gat": ["type", "degree", "area"],
}
GRIDS: dict[str, dict] = {
    "sgc": {"threshold": [10.0], "propagation_steps": [3], "learning_rate": [0.01], "weight_decay": [0.0], "seed": [0]},
    "gat": {"threshold": [10.0], "learning_rate": [0.01], "weight_decay": [0.0], "seed": [0]},
}
SHORT = {"iterations": 10, "evaluate_every": 10, "epochs": 1}
"""Training settings that are not the model's defaults."""


def tessellation(size: int, grains: int, seed: int, candidates: object = "all") -> list[Microstructure]:
    """The candidates of a periodic Voronoi map."""
    rng = np.random.default_rng(seed)
    sites = np.stack(np.meshgrid(np.arange(size), np.arange(size), indexing="ij"), axis=-1).reshape(-1, 2)
    labels = cKDTree(rng.uniform(0, size, (grains, 2)), boxsize=size).query(sites)[1].reshape(size, size) + 1
    one = from_labels(f"map-{seed}", labels, (True, True))
    return samples(one, candidates, {"by": "fraction", "red": 0.2, "seed": seed})


def trained(name: str) -> TrainedModel:
    """A model trained on 24 small maps for an instant."""
    nodes, edges, rows = FEATURES[name], ["boundary_length"], []
    for seed in range(24):
        one = row(tessellation(64, 40, seed, "largest")[0], nodes, edges)
        ratio = np.ones((1, len(one["x"])))
        ratio[:, one["candidate"]] = 5 + 10 * (seed % 2)
        rows.append(one | {"growth_ratio": ratio})
    data = table.assemble(nodes, rows, edges)
    subset = np.array(["train", "validation", "test"] * 8)
    model = by_name.load(name)
    settings = {key: one["default"] for key, one in declaration.read(name).training.items()}
    settings |= {key: value for key, value in SHORT.items() if key in settings}
    result = model.train(data, {"all": subset}, of_data(data, [10.0]), GRIDS[name], settings)
    ranges = {"nodes": np.stack([data.x.min(axis=0), data.x.max(axis=0)], axis=1)}
    raw = {"hops": None, "nodes": nodes, "edges": edges}
    about = {"model": name, "target": {"kind": "abnormal"}, "raw": raw, "extensions": []}
    return TrainedModel(about, {"all": next(iter(result.models.values()))}, ranges)


def main(args: argparse.Namespace) -> None:
    whole = tessellation(args.size, args.grains, 99)
    few = whole[:: max(1, len(whole) // 10)]
    models: Mapping[str, TrainedModel] = {name: trained(name) for name in FEATURES}
    found = {}
    for name, model in models.items():
        together, apart = in_turn(
            lambda: of_samples(model, whole),  # noqa: B023
            lambda: [of_samples(model, [one]) for one in few],  # noqa: B023
            args.repeats,
        )
        apart = [value * len(whole) / len(few) for value in apart]
        found[f"{name}, {len(whole)} candidates of a map"] = figures(together, apart, "one by one", "CPU s", 1.0)
    print(json.dumps(found, indent=2))
    results.write("predict", found, ["torch", "numpy", "numba"])


if __name__ == "__main__":
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--size", type=int, default=512, help="sites along each side")
    p.add_argument("--grains", type=int, default=445)
    p.add_argument("--repeats", type=int, default=3)
    run(main, p)
