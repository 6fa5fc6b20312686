"""Many files in one go: a plan, workers, a record of what is done, a summary."""
