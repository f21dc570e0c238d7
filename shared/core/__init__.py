"""Pure values and decisions: no network, no environment, no clock, no randomness."""
