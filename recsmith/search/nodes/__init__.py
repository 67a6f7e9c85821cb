"""Trials on other machines: NNI's remote service over SSH, with checked hosts, a tunnel back and private environments."""
