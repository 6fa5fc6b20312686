"""What a user needs on the machine: looked at, judged, and mended by a command."""
