"""The fault catalogue: what can go wrong, how it ends, and the tests that show it (`docs/faults.md`)."""
