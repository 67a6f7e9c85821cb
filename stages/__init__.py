"""The stages of the line: one runnable module each."""

import os

# Threads that wait for each other sleep instead of spinning: on a machine that does other work too, training is up to
# ten times faster. OpenMP reads this when torch or numpy is first imported.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

# Who started us, asked before the imports that take seconds: if it is another by then, the one that did is gone.
STARTED_BY = os.getppid()
