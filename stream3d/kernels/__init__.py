"""Numba kernels, each apart from its validating wrapper."""
