"""Measure what a microscope does to images, and undo what a linear filter can undo."""
