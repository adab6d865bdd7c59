"""Unweighted losses of tensors."""
