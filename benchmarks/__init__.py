"""Benchmarks of loading speed, pretexts and published systems."""
