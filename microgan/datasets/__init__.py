"""From image files to normalised batches."""
