"""Leading singular vectors of the normalised graph."""
