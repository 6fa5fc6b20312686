"""Redaction of files: search all frames first, then cover what must not be seen."""
