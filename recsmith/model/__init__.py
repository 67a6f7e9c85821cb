"""The typed description of a candidate, and what every model answers."""
