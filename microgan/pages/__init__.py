"""Pages for a browser, as HTML that needs no other file."""
