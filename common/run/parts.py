"""The parts of a pretraining that phase 2 can take up. Imports no torch."""

from typing import Literal

Transfer = Literal["auto", "encoder", "encoder+decoder", "outlines"]
"""What --transfer says; auto leaves it to the file of the pretraining."""
Taken = Literal["encoder", "encoder+decoder", "outlines"]
"""The encoder, the decoder too, or both with the foreground head as initialisation of the classifier."""
