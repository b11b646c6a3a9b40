"""2D tracks to metric 3D skeletons: the causal lifter, and the user's own 2D keypoints as its input."""
