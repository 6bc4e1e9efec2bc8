"""Phase 2: an encoder is put into a segmentation network and trained on masks."""
