"""What is measured once on the sealed test, beyond the ranking metrics of the engine."""
