"""The ways of laying out a data set in folders, a file each, and the list of them."""
