"""Settings become adapters, once per instance: the only place that knows both.

Built lazily, on the first event: functions-framework imports user code before gunicorn forks, and neither HTTP
pools nor gRPC channels survive a fork.
"""

from __future__ import annotations

import random
import threading
import uuid
from functools import cache
from typing import TYPE_CHECKING

from shared import config, logs
from shared.core.errors import SettingsError

if TYPE_CHECKING:
    from shared.config import Settings
    from shared.core.ports import Publisher
    from shared.core.rules import Rules
    from shared.pipeline.work import Ports

_lock = threading.Lock()


def settings() -> Settings:
    """Return this instance's settings."""
    with _lock:
        return _settings()


def rules() -> Rules:
    """Return this instance's task rules."""
    with _lock:
        return _rules()


def publisher() -> Publisher:
    """Return this instance's publisher: all that ingest needs."""
    with _lock:
        return _publisher()


def ports() -> Ports:
    """Return everything a worker needs.

    Raises:
        SettingsError: no way to reach Gemini is configured.
    """
    # Two first events at once must not build two sets of clients.
    with _lock:
        return _ports()


@cache
def _settings() -> Settings:
    loaded = config.load()
    logs.set_up(loaded.log_format)
    return loaded


@cache
def _rules() -> Rules:
    return config.read_rules(_settings())


@cache
def _publisher() -> Publisher:
    from shared.adapters.pubsub import GooglePublisher

    return GooglePublisher(emulator_host=_settings().pubsub_emulator_host)


@cache
def _ports() -> Ports:
    from shared.adapters.clock import SystemClock
    from shared.adapters.gemini import GeminiModel
    from shared.adapters.storage import GoogleStorage
    from shared.pipeline.work import Ports

    loaded = _settings()
    if not loaded.gemini_api_key:
        raise SettingsError("GEMINI_API_KEY is not set: workers need it to reach Gemini.")
    return Ports(
        settings=loaded,
        store=GoogleStorage(
            project=loaded.project, emulator_host=loaded.storage_emulator_host, connections=4 * loaded.threads
        ),
        publisher=_publisher(),
        model=GeminiModel(
            api_key=loaded.gemini_api_key, base_url=loaded.gemini_base_url, connections=2 * loaded.threads
        ),
        clock=SystemClock(),
        new_id=lambda: uuid.uuid4().hex,
        jitter=random.random,
    )
