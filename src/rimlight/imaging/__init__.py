"""Pure functions over pictures and masks: arrays in, arrays out."""

import cv2

# What fails is told by our own errors; OpenCV would print its C++ source lines on the terminal.
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
