"""What the kernel does too when the clock is set: the time of boot moves with it, and so all starts of processes."""

import os
import time

try:
    import psutil
except ImportError:  # a Python without it asks nobody for the time of boot
    psutil = None

if psutil is not None and "CLOCK_JUMP_AT" in os.environ:
    real = psutil._psplatform.boot_time
    at, by = float(os.environ["CLOCK_JUMP_AT"]), float(os.environ["CLOCK_JUMP_BY"])
    psutil._psplatform.boot_time = lambda: real() + (by if time.monotonic() >= at else 0.0)
