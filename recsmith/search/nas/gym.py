"""NNI's reinforcement learning asks for the package gymnasium under its old name, once, when ``nni.nas`` is loaded."""

from __future__ import annotations

import sys


def name_gym() -> None:
    """Let gymnasium be found as ``gym``; to be called before the first import of ``nni.nas``."""
    import gymnasium

    sys.modules.setdefault("gym", gymnasium)
