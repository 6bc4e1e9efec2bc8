"""`python -m transfer.analyze`: what is in a labelled data set."""
