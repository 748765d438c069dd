"""Which encoders there are, and which settings concern each."""

ARCHITECTURES = ("simple", "tiny", "deep")

SETTINGS = {
    "pca": ("components", "max_patches", "validation"),
    "autoencoder": (
        "architecture",
        "components",
        "epochs",
        "batch_size",
        "learning_rate",
        "seed",
        "max_patches",
        "validation",
    ),
}


def source(method: str) -> str:
    """The path of a method's module in the project."""
    return f"graincast/encoders/{method}.py"
