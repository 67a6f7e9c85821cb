"""Structured pruning of a network: channels or heads that NNI chooses, or a layer, go from all weights at once."""
