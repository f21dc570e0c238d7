"""Overlays: boxes, masks and labels drawn over a picture, in any script."""
