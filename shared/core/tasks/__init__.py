"""The tasks: what each asks, and what it makes of the answer."""
