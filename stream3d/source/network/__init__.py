"""Addresses on the network: what may be opened of them, how http is read, and who may push to us."""
