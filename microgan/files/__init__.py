"""Reading and writing files safely: whole or not at all, and nothing in them runs."""
