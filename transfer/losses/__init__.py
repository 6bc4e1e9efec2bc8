"""Segmentation losses: the formulas, the class weights, the registry, and their weighted sum."""
