"""What an instance of a function keeps between its events: a test begins without any of it."""

from __future__ import annotations

from shared import bootstrap


def forget_instance() -> None:
    """Have the next event build its settings, rules and clients anew, as a new instance does."""
    for each in vars(bootstrap).values():
        if hasattr(each, "cache_clear"):
            each.cache_clear()
