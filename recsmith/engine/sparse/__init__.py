"""The graph as sparse matrices, and everything that is multiplied with them."""
