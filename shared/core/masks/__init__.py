"""Masks: from what a model sent to packed bits, and from bits to the PNG of a result."""
