"""Classical vision: from an image's bytes to plain facts about it. Slow to import: only workers do."""
