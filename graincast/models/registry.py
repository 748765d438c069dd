"""Which models there are, and which parts of an experiment's configuration concern each."""

from dataclasses import dataclass

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


@dataclass(frozen=True)
class Model:
    """What a model takes.

    axes        of the grid, besides threshold
    training    keys of the section `training`
    features    the section of the configuration that its features are named in
    kinds       of target
    all_grains  "all" is possible as target.grains
    calibrated  its probabilities are meant as such
    """

    axes: tuple[str, ...]
    training: tuple[str, ...]
    features: str
    kinds: tuple[str, ...]
    all_grains: bool = False
    calibrated: bool = True


MODELS = {
    "sgc": Model(
        axes=("feature_subset", "propagation_steps", "learning_rate", "weight_decay", "seed"),
        training=("iterations", "evaluate_every"),
        features="feature_sets",
        kinds=(ABNORMAL, GROWTH_RATIO),
    ),
    "gat": Model(
        axes=("learning_rate", "weight_decay", "seed"),
        training=(
            "epochs",
            "batch_size",
            "hidden",
            "heads",
            "dropout",
            "attention_dropout",
            "residual",
            "loss_grains",
            "patience",
            "clip",
            "plateau_factor",
            "plateau_patience",
            "mixed_precision",
        ),
        features="feature_sets",
        kinds=(ABNORMAL, GROWTH_RATIO),
        all_grains=True,
    ),
    "svm": Model(
        axes=("variance", "whiten", "c"),
        training=(),
        features="vision_sets",
        kinds=(ABNORMAL, LABEL),
        calibrated=False,
    ),
}
