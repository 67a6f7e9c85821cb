"""LightGCN with the hyper-parameters of its paper (He et al. 2020, section 4.1.2), early-stopped on valid."""

from __future__ import annotations

from recsmith.baselines.candidate import Candidate
from recsmith.config.baseline import Baseline
from recsmith.model.architecture import Gnn

SCHEDULE = ("batch_size", "max_epochs", "patience", "evaluate_every")


def candidates(params: Baseline) -> list[Candidate]:
    """One for each depth."""
    chosen = params.lightgcn
    knobs = {name: getattr(chosen, name) for name in SCHEDULE}
    return [
        Candidate(
            "lightgcn",
            Gnn(
                operators=("lightgcn",) * layers,
                dimension=chosen.dimension,
                learning_rate=chosen.learning_rate,
                weight_decay=chosen.weight_decay,
            ),
            knobs,
        )
        for layers in chosen.layers
    ]
