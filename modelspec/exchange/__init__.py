"""Models of other formats, read and written."""
