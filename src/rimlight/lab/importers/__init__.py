"""Foreign networks as models that rimlight runs."""
