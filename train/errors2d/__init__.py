"""The errors of the 2D nets in use: measured on rendered people, kept as a table, drawn again in training."""
