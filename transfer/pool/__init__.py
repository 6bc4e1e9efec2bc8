"""Photographs without masks, from which a segmentation network learns beside the masks (semi-supervised)."""
