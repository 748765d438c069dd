"""The Monte Carlo Potts model of candidate-grain growth (DeCost & Holm 2017)."""

from graincast.potts.protocol import Growth, assign_types, grow, initialise

__all__ = ["Growth", "assign_types", "grow", "initialise"]
