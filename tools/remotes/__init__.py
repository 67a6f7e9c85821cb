"""The team's remote: ``python -m tools.remotes push`` and ``pull``."""
