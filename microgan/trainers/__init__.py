"""Training algorithms and the loop that drives them."""
