"""Figures and page of phase 2."""
