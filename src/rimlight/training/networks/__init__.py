"""Network architectures in Keras 3."""
