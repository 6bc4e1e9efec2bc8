"""`python -m transfer.demo`: a page on which a trained network can be tried."""
