"""`python -m transfer.predict`: masks for unlabelled images."""
