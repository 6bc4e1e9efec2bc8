"""Encoders, decoders and where their weights come from."""
