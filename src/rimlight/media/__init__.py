"""One way to open and decode a film, whatever it is read for."""
