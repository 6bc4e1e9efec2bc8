"""Phase 1: an autoencoder learns from photographs without masks."""
