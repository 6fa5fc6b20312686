"""Measure quality and stability of masks; definitions: docs/benchmarks/evaluation.md."""
