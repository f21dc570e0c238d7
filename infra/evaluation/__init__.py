"""A small labelled set for a first evaluation: photographs labelled by hand, scenes made of them, drawn pictures."""
