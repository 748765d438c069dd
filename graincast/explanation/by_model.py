"""How the predictions of each model are attributed."""

from collections.abc import Callable, Sequence
from pathlib import Path

from graincast.experiment.targets import CANDIDATE
from graincast.explanation import attributions, gradients, linear
from graincast.explanation.attributions import Attributions
from graincast.features.table import FeatureTable
from graincast.microstructure import BadInput
from graincast.models import by_name, ensemble
from graincast.models.graph_network import Network
from graincast.prediction.trained_model import TrainedModel

Attribute = Callable[[dict, FeatureTable], Attributions]
OWN: dict[str, Attribute] = {"logistic": linear.regression, "sgc": linear.sgc, "sign": gradients.sign}
"""Models with a way of their own; all other networks share one, those of extensions included."""


def method(name: str, extensions: Sequence[Path] = ()) -> Attribute:
    """How a model's predictions are attributed. Raises BadInput where no way is known."""
    if name in OWN:
        return OWN[name]
    kind = getattr(by_name.load(name, extensions), "Network", None)
    if isinstance(kind, type) and issubclass(kind, Network):
        return lambda model, data: gradients.network(kind, model, data)
    raise BadInput(
        f"model {name}: its predictions cannot be attributed to grains; leave out --data for the permutation "
        "importance of its features"
    )


def attribute(
    trained: TrainedModel, data: FeatureTable, extensions: Sequence[Path] = (), folds: Sequence[str] | None = None
) -> Attributions:
    """The attributions of a trained model's predictions of the candidates of a table; extensions must be installed.

    folds  whose models are explained; None: all
    Raises BadInput for a model of all grains, or one without a method.
    """
    if trained.about["target"].get("grains", CANDIDATE) != CANDIDATE:
        raise BadInput(
            "this model predicts all grains of a microstructure at once, not candidates; train one that does"
        )
    of_model = method(trained.about["model"], extensions)
    found = [of_model(one, data) for fold in folds or trained.models for one in ensemble.members(trained.models[fold])]
    return attributions.mean(found)
