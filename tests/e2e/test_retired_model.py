"""A rule with a model that is gone, on a real stack: its uploads are held and told, all others have their results."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING

from infra.local import endpoints, resources, topology
from tests.e2e.test_stack import jpeg, local, wait_for_result
from tests.waiting import wait_until

if TYPE_CHECKING:
    from pathlib import Path

    from google.cloud import storage

# Both models are long gone, so that the test does not depend on the day.
RULES = """
[defaults]
tasks = ["caption"]

[[rules]]
bucket = "uploads"
prefix = "legacy/"
caption.model = "gemini-2.0-flash"

[[rules]]
prefix = "unheard-of/"
caption.model = "gemini-9-uranium"
"""


def _upload(client: storage.Client, name: str) -> str:
    blob = client.bucket(topology.UPLOADS).blob(name)
    blob.upload_from_string(jpeg(), content_type="image/jpeg")
    return f"v1/uploads/{name}/{blob.generation}"


def test_a_rule_with_a_retired_model_concerns_its_own_uploads_alone(tmp_path: Path) -> None:
    rules, state = tmp_path / "legacy_rules.toml", tmp_path / "state"
    rules.write_text(RULES, encoding="utf-8")
    environ = {**os.environ, "RULES_FILE": str(rules)}
    started = local("up", "--detach", "--state", str(state), "--viewer-port", "0", env=environ)
    assert started.returncode == 0, started.stdout + started.stderr
    try:
        lines = (state / endpoints.ENV_FILE).read_text(encoding="utf-8").splitlines()
        client = resources.storage_client(dict(line.split("=", 1) for line in lines)["STORAGE_EMULATOR_HOST"])

        def held() -> list[str]:
            return [blob.name for blob in client.list_blobs(topology.WORK, prefix="held/")]

        legacy, other = _upload(client, "legacy/a.jpg"), _upload(client, "b.jpg")
        _upload(client, "unheard-of/c.jpg")

        assert wait_for_result(client, f"{other}/caption.json")["status"] == "ok"
        wait_until(lambda: any(legacy in name for name in held()), "the image of the rule is held")
        wait_until(lambda: any("unheard-of/" in name for name in held()), "so is that of a model that nobody has")
        event = json.loads(
            client.bucket(topology.WORK).blob(next(n for n in held() if legacy in n)).download_as_bytes()
        )
        assert event["settings"]["model"] == "gemini-2.0-flash"
        told = "gemini-2.0-flash was shut down by the Gemini Developer API on 2026-06-01"
        log = state / "stack.log"
        wait_until(lambda: told in log.read_text(encoding="utf-8"), told)  # lines take a way of their own
    finally:
        local("down", "--state", str(state))
