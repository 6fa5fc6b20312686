"""Pure functions over pictures and masks: arrays in, arrays out."""
