"""What every part speaks: frames, masks, options, errors, protocols."""
