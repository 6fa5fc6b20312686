"""Read image files, and read and write their metadata."""
