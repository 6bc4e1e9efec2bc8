"""`python -m transfer.evaluate`: scores of a trained segmentation network."""
