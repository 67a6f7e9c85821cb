"""Continuous retraining: the event log, what enters it, and who serves."""
