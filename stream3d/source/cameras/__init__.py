"""Cameras of this machine: which there are, what they can do, and how one is opened."""
