"""Pictures on the device that the nets run on: uploaded once, cut and converted there, answers down once per batch.

Everything is written in torch, and runs on any device that torch has.
"""
