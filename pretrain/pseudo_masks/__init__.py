"""Pseudo-masks: the foreground of photographs, without labels."""
