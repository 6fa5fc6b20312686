"""The catalog of models, their download, and cards for unknown files."""
