"""From an exact model to the smallest bundle that still answers right."""
