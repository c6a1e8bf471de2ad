"""Search: the vectors that are most similar to others."""
