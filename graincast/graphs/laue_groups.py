"""The Laue groups of crystals; only their rotations bear on misorientations."""

ROTATIONS = {
    "-1": "C1",
    "2/m": "C2",
    "mmm": "D2",
    "4/m": "C4",
    "4/mmm": "D4",
    "-3": "C3",
    "-3m": "D3",
    "6/m": "C6",
    "6/mmm": "D6",
    "m-3": "T",
    "m-3m": "O",
}
"""The group of rotations of each, in Schoenflies's notation."""
LAUE_GROUPS = tuple(ROTATIONS)
"""The eleven Laue groups; a number of one is its index here."""
