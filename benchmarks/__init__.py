"""Measures stream3d; each module here is a command: ``python -m benchmarks.NAME``."""
