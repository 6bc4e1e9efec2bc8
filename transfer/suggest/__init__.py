"""What to label next: the images that a trained network knows least of."""
