"""Figures and page of phase 1."""
