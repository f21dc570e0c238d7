"""Explores the delivery protocol: every crash, fault and interleaving, replayable from a number."""
