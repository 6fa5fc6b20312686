"""Applications for files: estimates, previews, the demo, single objects."""
