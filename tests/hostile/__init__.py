"""Files that are broken or mean harm, by kind."""
