"""The page of a run: one HTML file that holds its figures and pictures and opens anywhere."""
