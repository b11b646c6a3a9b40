"""Makes the weights that stream3d ships; run from a checkout, never installed."""
