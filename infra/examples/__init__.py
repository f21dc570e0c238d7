"""Programs that consume results, to begin your own from: docs/consumers.md."""
