"""The whole suite runs without settings of the person's own and without any real model."""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

_FOREIGN = ("GOOGLE_", "GEMINI_", "STORAGE_EMULATOR", "PUBSUB_EMULATOR_HOST", "UPLOOK_", "FUNCTION_", "K_SERVICE")
_OURS = ("RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS", "IMAGE_TOPIC", "RESULT_TOPIC", "RUN", "RULES_FILE")


# Machines differ and are noisy: a law is about values, never about how long an example took.
settings.register_profile("uplook", deadline=None)
settings.load_profile("uplook")


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> None:
    """Remove what would point a client at a real service, or change a setting."""
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in _OURS:
            del os.environ[name]
