"""How stages fit and load models: on the run's device and threads, with the decompositions that all of them share."""

from __future__ import annotations

from recsmith.engine.fit import FitSettings
from stages._stage import WORK, Context

SPECTRA = WORK / "spectra"


def fitting(context: Context) -> FitSettings:
    """What the section ``run`` says of it."""
    run = context.run
    return FitSettings(
        seed=run.seed, device=run.device, threads=run.threads, memory_mb=run.memory_mb, spectra=str(SPECTRA)
    )
