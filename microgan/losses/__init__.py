"""Losses: functions of tensors, unweighted."""
