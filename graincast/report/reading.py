"""How to read the report."""

from graincast.report.blocks import Section, Table, Text
from graincast.report.results import Results

TERMS = (
    ("candidate grain", "the one grain of each microstructure that may grow abnormally"),
    ("growth ratio", "a grain's final area divided by its initial area"),
    ("threshold", "growth is abnormal if the growth ratio is above it"),
    ("group", "all microstructures that stem from one source; splits and intervals act on groups"),
    ("trial", "one point of an experiment's grid, trained on every fold"),
    ("fold", "one division into training, validation and test subsets"),
    ("AUC", "the probability that an abnormal microstructure gets the larger probability of two; .5 is chance"),
    ("noise ceiling", "the best that any model of the initial state can reach, as growth runs from one state differ"),
    ("trivial baseline", "always the training subset's majority class, or its mean growth ratio"),
)
ADVICE = (
    "Look at n first. With 100 test predictions an accuracy is known to about ± .08; with ten it says next to nothing. "
    "Rows with a caution are marked.",
    "Compare by differences. Two intervals may overlap although the paired difference is clear, and the interval of a "
    "difference that holds 0 means that the better one may be so by luck.",
    "Compare with the trivial baseline and the noise ceiling, not with 0 and 1. None goes beyond the ceiling.",
    "Trials were chosen on validation data; test data were used once, for the chosen one. So test results are fair, "
    "and validation scores in the figures are a little too good.",
)


def section(results: Results) -> Section:
    """Terms, and what to look at."""
    advice = [Text(text) for text in ADVICE]
    return Section("reading", "How to read this report", [*advice, Table("Terms.", ("term", "meaning"), TERMS)])
