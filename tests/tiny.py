"""Flags of the smallest runs, shared by the tests that train."""

TINY = [
    *("--image_size", "64", "--widths", "4", "4", "4", "4", "4", "4", "--batch_size", "8"),
    *("--device", "cpu", "--no_report"),
]
"""A network of a few thousand weights, without pictures; with `--report` after them they are drawn."""
SYNTHETIC = ["--synthetic_count", "24"]
"""24 embedded pets."""
PRETRAIN = [*TINY, "--perceptual_weight", "0", "--epochs", "2"]
"""Two epochs of phase 1."""
THIN = [*TINY, "--decoder_widths", "4", "4", "4", "4", "4"]
"""The same with a decoder as thin as the encoder."""
TRANSFER = [*THIN, "--epochs", "2"]
"""Two epochs of phase 2."""
FOLDS = [*TRANSFER, "--epochs", "1", "--batch_size", "2", "--folds", "3"]
"""A cross-validation in three trainings."""
