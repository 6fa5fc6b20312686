"""What the road held: figures over the masks of a drive."""
