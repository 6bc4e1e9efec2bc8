"""`python -m transfer.study`: whether pretraining helps, by how much, at how many labels."""
