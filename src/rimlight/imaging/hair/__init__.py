"""Single hairs around a mask: what a pixel looks like, and how opaque such pixels are."""
