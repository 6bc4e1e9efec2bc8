"""Benchmarks of speed, loading, pretexts and published systems."""
