"""Sources: every reader ends in the same five canonical tables."""
