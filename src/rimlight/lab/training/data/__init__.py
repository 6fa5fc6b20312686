"""Training data: images and masks are found, checked, augmented and batched."""
