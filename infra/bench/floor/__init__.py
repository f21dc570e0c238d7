"""Uplook's functions beside handlers that make the same client calls and do nothing else, over real sockets."""
