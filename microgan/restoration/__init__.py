"""Applying a generator to image files."""
