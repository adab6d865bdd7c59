"""Images from files to normalised batches."""
