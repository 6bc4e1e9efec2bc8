"""Regression targets other than the image."""
