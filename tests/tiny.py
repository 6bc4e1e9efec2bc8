"""Flags of the smallest runs, shared by the tests that train."""

TINY = [
    *("--image_size", "64", "--widths", "4", "4", "4", "4", "4", "4", "--batch_size", "8"),
    *("--device", "cpu", "--no_report"),
]
"""A network of a few thousand weights, without pictures; with `--report` after them they are drawn."""
SYNTHETIC = ["--synthetic_count", "40"]
"""40 embedded pets."""
PRETRAIN = [*TINY, "--perceptual_weight", "0", "--epochs", "2"]
"""Two epochs of phase 1."""
TRANSFER = [*TINY, "--decoder_widths", "4", "4", "4", "4", "4", "--epochs", "2"]
"""Two epochs of phase 2, with a decoder as thin as the encoder."""
