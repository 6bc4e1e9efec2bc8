"""`python -m transfer.analyze`: the doctor by its old name."""
