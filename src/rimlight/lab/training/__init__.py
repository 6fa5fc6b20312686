"""Networks, their training and their way into a TFLite file; the place that uses TensorFlow."""
