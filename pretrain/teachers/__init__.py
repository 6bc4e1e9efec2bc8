"""Trained networks whose features are the target of a pretraining."""
