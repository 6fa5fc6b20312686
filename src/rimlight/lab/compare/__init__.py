"""Contenders on the user's own video or images, side by side; no truth is needed."""
