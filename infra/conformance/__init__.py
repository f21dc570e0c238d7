"""Google's own system tests, run against the emulators."""
