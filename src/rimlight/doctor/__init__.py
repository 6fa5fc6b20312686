"""Checks of what rimlight needs on the machine, with commands that fix their findings."""
