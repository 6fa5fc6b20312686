"""Training, evaluation, benchmarks and importers: nothing in the runtime imports it."""
