"""The folder of a run: its settings, checkpoints, logs and notes."""
