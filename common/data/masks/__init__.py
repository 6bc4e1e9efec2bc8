"""Masks as people keep them: pictures, arrays, several files, outlines; read as one class for each pixel."""
