"""Whole pictures as features: pictures of microstructures or labelled images, through a vision network."""
