"""The first import of ``nni.nas``: late, since it takes seconds; gymnasium under its old name; without warnings."""

from __future__ import annotations

import importlib
import sys
import warnings


def load_nas() -> None:
    """Import ``nni.nas``; to be called before anything else does."""
    import gymnasium

    # NNI's reinforcement learning asks for the package once, when it is loaded, as ``gym``.
    sys.modules.setdefault("gym", gymnasium)
    with warnings.catch_warnings():
        # It does not know two classes that torch has added to ``torch.nn``, and says so.
        warnings.simplefilter("ignore")
        for name in ("nni.nas.nn.pytorch", "nni.nas.strategy"):
            importlib.import_module(name)
