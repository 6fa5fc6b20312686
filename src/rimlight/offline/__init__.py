"""What files need besides the pipeline: estimates, previews, the demo, cut-outs."""
