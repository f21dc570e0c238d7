"""The deployed functions inside the real functions-framework, on memory adapters."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import functions_framework
import pytest

from shared import bootstrap
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from tests import canary
from tests.functions.pushes import MAIN
from tests.rig import Rig

if TYPE_CHECKING:
    from werkzeug.test import Client


@pytest.fixture
def rig(monkeypatch: pytest.MonkeyPatch) -> Rig:
    """Memory adapters in place of what bootstrap would build."""
    rig = Rig()
    monkeypatch.setattr(bootstrap, "settings", lambda: rig.settings)
    monkeypatch.setattr(bootstrap, "rules", lambda: Rules(Choices(tasks=("caption", "detect", "segment"))))
    monkeypatch.setattr(bootstrap, "publisher", lambda: rig.publisher)
    monkeypatch.setattr(bootstrap, "ports", lambda: rig.ports)
    monkeypatch.setattr(bootstrap, "worker_ports", lambda: rig.ports)
    return rig


@pytest.fixture
def client(monkeypatch: pytest.MonkeyPatch) -> Any:
    """A factory of test clients, one per entry point."""

    def make(target: str, source: str = MAIN) -> Client:
        # The framework writes the last two itself: named here, they are taken back after the test.
        own = {"FUNCTION_TARGET": target, "FUNCTION_SIGNATURE_TYPE": "cloudevent"}
        for name, value in (_ENVIRONMENT | own).items():
            monkeypatch.setenv(name, value)
        application = functions_framework.create_app(target, source, "cloudevent")
        application.testing = False  # a crash is a 500, as deployed
        found: Client = application.test_client()
        return found

    return make


_ENVIRONMENT = {
    "RESULTS_BUCKET": "results",
    "WORK_BUCKET": "work",
    "UPLOAD_BUCKETS": "uploads",
    "IMAGE_TOPIC": "projects/local-dev/topics/image-events",
    "RESULT_TOPIC": "projects/local-dev/topics/image-results",
    "GEMINI_API_KEY": canary.KEY,  # without one a worker refuses to start
}
