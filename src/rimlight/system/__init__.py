"""The machine: files, processors, displays, V4L2 devices."""
