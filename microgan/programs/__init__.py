"""What uses a trained generator: restoring, scoring, trust maps; and the simulator's files."""
