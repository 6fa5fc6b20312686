"""Networks, their training and their conversion to TFLite; the part that uses TensorFlow."""
