"""Fitting, full ranking and metrics; imports torch, numpy, scipy, pydantic and safetensors, nothing heavier."""
