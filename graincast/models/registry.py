"""All models, and the settings of an experiment that each uses."""

from dataclasses import dataclass

from graincast.experiment.targets import ABNORMAL, GROWTH_RATIO, LABEL


@dataclass(frozen=True)
class Model:
    """The settings and targets that a model supports.

    axes        of the grid, besides threshold
    training    keys of the section `training`
    features    the section of the configuration that defines its features
    kinds       kinds of target
    all_grains  whether it supports "all" as target.grains
    calibrated  whether its scores are probabilities
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
