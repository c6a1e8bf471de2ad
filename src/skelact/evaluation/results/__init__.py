"""Results: what an evaluation found, as it is written and read."""
