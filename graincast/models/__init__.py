"""Models by name. A module listed here has train(…) -> Trained and predict(…) as graincast/models/sgc.py documents.

Modules are named, not imported, so that an edit of one model makes no other model's training stale.
"""

MODULES = {"sgc": "graincast.models.sgc"}
