"""The straight line from a source to its sinks, and the threads under it."""
