"""Tree-structured Parzen estimator (Bergstra et al. 2011, section 4): knob by knob, what good trials had more often."""

from __future__ import annotations

from typing import Any

from nni.algorithms.hpo.tpe_tuner import TpeTuner
from nni.common.hpo_utils import format_parameters

from recsmith.search.strategies.base import Distinct, Settings
from recsmith.search.strategies.nested import mend


class Tpe(Distinct):
    """The first third of the trials is drawn at random."""

    tuner: TpeTuner

    def __init__(self, **settings: Any) -> None:
        known = Settings(**settings)
        startup = min(20, max(4, known.trials // 3))
        arguments = {"n_startup_jobs": startup, "constant_liar_type": "best"}
        super().__init__(TpeTuner(optimize_mode="maximize", seed=known.seed, tpe_args=arguments), known)

    def update_search_space(self, search_space: Any) -> None:
        """Take the space."""
        super().update_search_space(search_space)
        mend(self.tuner)

    def _adopt(self, number: int, proposal: dict[str, Any]) -> None:
        self.tuner._running_params[number] = format_parameters(proposal, self.tuner.space or {})
