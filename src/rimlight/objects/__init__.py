"""Single objects taken out of frames: as pictures, and as values."""
