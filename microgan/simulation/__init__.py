"""Simulate microscope images with known truth."""
