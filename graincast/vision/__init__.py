"""Vision features: images of microstructures, or labelled images, through a vision network."""
