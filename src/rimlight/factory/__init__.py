"""From a run that is described as data to open parts."""
