"""The whole suite runs without settings of the person's own and without any real model."""

from __future__ import annotations

import logging
import os
import signal
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from infra.emulators.gemini.eyes import EYES_VARIABLE, Eyes
from infra.local.process import proxies, without_server_settings
from shared import logs
from tests import canary, documented
from tests.instance import forget_instance

if TYPE_CHECKING:
    from collections.abc import Iterator

_FOREIGN = ("GOOGLE_", "GEMINI_", "STORAGE_EMULATOR", "PUBSUB_EMULATOR_HOST", "UPLOOK_", "K_SERVICE")
_OURS = ("RESULTS_BUCKET", "WORK_BUCKET", "UPLOAD_BUCKETS", "IMAGE_TOPIC", "RESULT_TOPIC", "RUN", "RULES_FILE")


# Machines differ and are noisy: a law is about values, never about how long an example took.
settings.register_profile("uplook", deadline=None)
settings.load_profile("uplook")
# On another day the same laws hold; a few examples show that nothing asks for the day.
settings.register_profile("other-days", parent=settings.get_profile("uplook"), max_examples=5)


def pytest_configure() -> None:
    """Let children of tests hear Ctrl-C, even where a shell has started the suite in its background."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # children would inherit it
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(autouse=True, scope="session")
def _clean_environment() -> None:
    """Remove what would point a client at a real service, or change a setting."""
    kept = without_server_settings(os.environ).keys() - proxies(os.environ).keys()
    for name in list(os.environ):
        if name.startswith(_FOREIGN) or name in _OURS or name not in kept:
            del os.environ[name]


@pytest.fixture(autouse=True, scope="session")
def _classical_eyes(_clean_environment: None) -> None:
    """Have the Gemini emulator answer the same whether its detector is installed or not; who wants it asks for it."""
    os.environ[EYES_VARIABLE] = Eyes.CLASSICAL


@pytest.fixture(autouse=True, scope="session")
def _canary_watch() -> Iterator[None]:
    """Fail at the end if any log line of this process held the key or the picture of the test rig."""
    leaking: list[str] = []

    def look(record: logging.LogRecord) -> bool:
        # Few records quote anything at all: only those are written out as they would be in the cloud.
        if canary.leaks(f"{record.getMessage()} {record.__dict__.get('fields')} {record.exc_info}"):
            line = logs._JsonFormatter().format(record)
            leaking.extend([line] if canary.leaks(line) else [])
        return True

    logger = logging.getLogger("uplook")
    logger.addFilter(look)
    yield
    logger.removeFilter(look)
    assert not leaking, leaking


@pytest.fixture(autouse=True)
def _everything_written_is_documented() -> Iterator[None]:
    """Fail a test in which the pipeline wrote what the schemas do not list, even if the error was caught."""
    documented.departures.clear()
    yield
    assert documented.departures == [], "\n\n".join(documented.departures)


@pytest.fixture(autouse=True)
def _a_new_instance() -> Iterator[None]:
    """Have no test find the settings or the clients that another one has built."""
    yield
    forget_instance()
