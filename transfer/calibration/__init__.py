"""Probabilities that say how often a network is right."""
