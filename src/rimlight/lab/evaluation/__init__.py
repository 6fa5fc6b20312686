"""Measures how good masks are and how still they hold; definitions stand in docs/evaluation.md."""
