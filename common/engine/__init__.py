"""Training: the one loop of both phases and what surrounds it."""
