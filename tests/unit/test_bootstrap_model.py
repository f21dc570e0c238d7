"""Which Gemini an instance reaches, and what it says where it can reach none."""

from __future__ import annotations

import dataclasses

import pytest

from shared import bootstrap
from shared.adapters.gemini import GeminiModel
from shared.core.errors import SettingsError
from tests.rig import SETTINGS

EMULATOR = "http://127.0.0.1:9"


def test_vertex_needs_no_key() -> None:
    settings = dataclasses.replace(SETTINGS, enterprise=True, project="local-dev", gemini_base_url=EMULATOR)

    assert isinstance(bootstrap._model(settings), GeminiModel)


def test_without_a_key_both_ways_to_gemini_are_named() -> None:
    with pytest.raises(SettingsError, match=r"GEMINI_API_KEY is not set.*GOOGLE_GENAI_USE_ENTERPRISE"):
        bootstrap._model(dataclasses.replace(SETTINGS, gemini_api_key=None))
