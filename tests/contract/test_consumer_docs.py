"""The page for consumers tells the truth: its program runs, its commands are those of the example."""

from __future__ import annotations

import os
import re
import sys
from typing import TYPE_CHECKING

from infra.emulators.pubsub.filters import compile_filter
from infra.local.process import ROOT, Process
from infra.local.resources import storage_client
from shared.core.errors import ErrorCode
from shared.core.results import documents, schemas
from shared.core.results.schemas import load_schema
from shared.pipeline.worker.analyze import analyze
from tests.closed_schema import known_values
from tests.rig import RESULTS, Rig
from tests.services import running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]

PAGE = (ROOT / "docs" / "consumers.md").read_text(encoding="utf-8")


def test_the_program_of_the_page_reads_a_result_with_its_mask(emulator: Controlled) -> None:
    rig = Rig()
    image_event = rig.upload("cat.jpg", task="segment")
    analyze(image_event, rig.ports)
    document = rig.document(image_event)
    program = re.findall(r"^```python\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
    topic = emulator.rig.topic()
    subscription = emulator.rig.subscription(topic)
    text = program.replace("projects/my-project/subscriptions/my-subscription", subscription)
    said: list[str] = []

    with running("storage") as url:
        bucket = storage_client(url).create_bucket(RESULTS)
        for name in [*(file["name"] for file in document["files"]), rig.result_events()[0]["result"].split("/", 3)[3]]:
            bucket.blob(name).upload_from_string(rig.store.read(RESULTS, name, max_bytes=10**6))
        held = documents.parked_event(image_event, "0" * 64, code=ErrorCode.DAILY_CEILING, until="2026-11-22T08:00:00Z")
        messages = [held, *rig.publisher.messages[rig.settings.result_topic]]
        emulator.rig.publish(topic, *(message.data for message in messages))
        env = os.environ | {"STORAGE_EMULATOR_HOST": url, "PUBSUB_EMULATOR_HOST": emulator.host}
        env |= {"GOOGLE_CLOUD_PROJECT": "local-dev", "PYTHONUNBUFFERED": "1"}
        with Process("page", [sys.executable, "-c", text], env=env, on_line=lambda _, line: said.append(line)):
            wait_until(lambda: emulator.counts(subscription)["acked"] == len(messages), "acknowledgements")

    [mask] = [file for file in document["files"] if file["content_type"] == "image/png"]
    assert f"cat.jpg square (20, 15, 60, 45) {mask['size']}" in said


def test_the_filters_of_the_page_let_through_what_the_page_says() -> None:
    """As Pub/Sub's emulator reads them."""
    statuses = known_values(load_schema(schemas.RESULT_EVENT)["properties"]["status"]) or []
    filters = re.findall(r"--message-filter='([^']+)'|`(attributes\.[^`]+)`", PAGE)
    passes = [compile_filter(one or other) for one, other in filters]
    passed = [
        [status for status in statuses if matches({"task": "segment", "status": status, "bucket": "b", "run": "v1"})]
        for matches in passes
    ]

    assert passed == [["ok", "partial"], [status for status in statuses if status != "held"]]
    assert not passes[0]({"task": "detect", "status": "ok"})


def test_the_commands_for_bigquery_say_what_the_terraform_says() -> None:
    terraform = (ROOT / "infra" / "examples" / "bigquery" / "subscription.tf").read_text(encoding="utf-8")
    options = {option.replace("-", "_") for option in re.findall(r"--((?:use|write|drop)-[a-z-]+)", PAGE)}

    assert options == set(re.findall(r"^ +(\w+) += true\b", terraform, re.MULTILINE)) - {"deletion_protection"}
    assert "image-results-bigquery" in terraform


def test_the_commands_for_bigquery_name_the_deployed_topic_and_give_the_right_before_it_is_needed() -> None:
    [commands] = re.findall(r"^```sh\n(bq mk.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    topics = (ROOT / "infra" / "topics.tf").read_text(encoding="utf-8")
    [deployed] = re.findall(r'"\$\{var\.prefix\}-(image-results)"', topics)

    assert f" --topic=uplook-{deployed} " in commands
    assert commands.index("roles/bigquery.dataEditor") < commands.index("subscriptions create")


def test_the_page_names_the_versions_it_promises() -> None:
    assert "`held`" in PAGE
    assert documents.RESULT_SCHEMA in PAGE
    assert documents.EVENT_SCHEMA in PAGE
