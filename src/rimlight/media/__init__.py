"""Open, probe and decode video files and streams, whatever they are read for."""
