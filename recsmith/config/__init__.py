"""Typed configuration: one file a stage, read strictly."""
