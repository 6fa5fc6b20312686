"""Composite a foreground over a background through a mask, in I420 or BGR."""
