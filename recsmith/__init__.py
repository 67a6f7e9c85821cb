"""Recsmith: from interaction logs to the graph recommender that wins on them."""

__version__ = "0.1.0"
