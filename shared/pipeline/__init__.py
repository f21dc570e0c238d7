"""The story of each use case, told over ports only."""
