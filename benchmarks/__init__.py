"""What is timed, against whom, in one run each."""
