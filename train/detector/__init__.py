"""Training the person detector."""
