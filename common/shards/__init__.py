"""Tar files of photographs, written from a folder."""
