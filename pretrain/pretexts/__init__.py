"""The pretexts: what the network sees of a picture."""
