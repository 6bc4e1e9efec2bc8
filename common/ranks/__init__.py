"""A training on several processes: who they are, how they start, what they share, and how they end."""
