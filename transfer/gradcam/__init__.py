"""`python -m transfer.gradcam`: which parts of an image support each class."""
