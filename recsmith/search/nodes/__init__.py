"""Trials on other machines: NNI's remote service over SSH, checked hosts, a tunnel back, private environments."""
