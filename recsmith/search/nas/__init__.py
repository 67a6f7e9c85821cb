"""Search in this process with ``nni.nas``: strategies that want no service, and weights that candidates share."""
