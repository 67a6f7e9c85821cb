"""What a user would take without Recsmith: popularity, item neighbours, EASE, implicit's ALS, published LightGCN.

One file a baseline; all are tuned on valid and give the same record as a search trial.
"""

from recsmith.baselines.tuning import refit, tune

__all__ = ["refit", "tune"]
