"""`python -m transfer.analyze`: the contents of a labelled data set."""
