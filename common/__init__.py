"""What both phases stand on; imports neither of them."""
