"""Training: the loop of both phases, with its optimizer, device and progress bar."""
