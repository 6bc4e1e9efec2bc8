"""`python -m pretrain.evaluate`: what a trained autoencoder can do and knows."""
