"""Readers of motion capture: every format becomes a Motion, every Motion becomes h36m17."""
