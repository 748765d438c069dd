"""What a training raises that has come to nothing."""

from graincast.microstructure import BadInput


class Diverged(BadInput):
    """The loss is no longer finite."""
