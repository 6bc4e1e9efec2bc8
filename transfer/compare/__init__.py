"""`python -m transfer.compare`: several runs side by side."""
