"""Settings: how they are read, the groups that both phases share, and those of a trained network."""
