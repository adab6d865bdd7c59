"""Simulated microscope images with known truth."""
