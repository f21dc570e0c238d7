"""Uplook's own package: a pure core, adapters to the services, and the pipeline that tells each use case."""
