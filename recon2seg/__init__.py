"""The command `recon2seg`. From Python: `from pretrain import load_encoder`, `from transfer import load_model`."""
