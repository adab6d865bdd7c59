"""One update of each method."""
