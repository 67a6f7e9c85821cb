"""Measurements, run by hand; none of them is a test."""

import os

# As in the stages: threads that wait for each other sleep instead of spinning.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
