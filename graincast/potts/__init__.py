"""The Monte Carlo Potts model of candidate-grain growth (DeCost & Holm 2017), and simulated data sets."""
