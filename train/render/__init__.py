"""Draws moving, clothed people whose 3D joints are known exactly: the built-in sample clip and whole test scenes."""
