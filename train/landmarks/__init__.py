"""Training BlazePose's landmark net further."""
