"""Whether a result comes out again from its own code, data and parameters."""
