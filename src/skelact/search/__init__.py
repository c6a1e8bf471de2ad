"""Search: which vectors are most similar to a query."""
