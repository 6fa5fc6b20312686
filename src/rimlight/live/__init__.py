"""A live session: commands, on-demand camera, governor, status."""
