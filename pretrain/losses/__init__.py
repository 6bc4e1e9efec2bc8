"""What phase 1 minimises."""
