"""Colours of grain types in figures, and their grey levels in the images that networks see."""

from graincast.microstructure import CANDIDATE, HIGH_MOBILITY, LOW_MOBILITY

NAME = {CANDIDATE: "candidate", LOW_MOBILITY: "low mobility", HIGH_MOBILITY: "high mobility"}
COLOUR = {CANDIDATE: "#f2c14e", LOW_MOBILITY: "#3b6ea5", HIGH_MOBILITY: "#c8443a"}
NO_GRAIN_COLOUR, BOUNDARY_COLOUR = "#ffffff", "#1c1c1c"

GREY = {LOW_MOBILITY: 128, HIGH_MOBILITY: 192, CANDIDATE: 255}
NO_GRAIN_GREY, BOUNDARY_GREY = 64, 0
"""Grey levels of whole microstructures, for vision networks."""

PATCH_GREY = {LOW_MOBILITY: 105, HIGH_MOBILITY: 165, CANDIDATE: 225}
PATCH_RAISED = 30
"""Grey levels of patches, and the increment at boundary sites: half a step, so that all six levels differ."""
