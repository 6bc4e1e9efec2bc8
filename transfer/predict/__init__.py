"""`python -m transfer.predict`: masks for images that have none."""
