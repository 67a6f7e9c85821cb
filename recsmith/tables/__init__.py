"""Canonical tables: names, order, preparation and splits, as Ibis expressions."""
