"""Pseudo-masks: foreground found without labels."""
