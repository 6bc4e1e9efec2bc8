"""`python -m transfer.export`: a trained network as files that other programs run."""
