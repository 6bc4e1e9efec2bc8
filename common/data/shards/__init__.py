"""Photographs in tar files, read as a stream."""
