"""All encoders, and the settings that each uses."""

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
