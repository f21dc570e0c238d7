"""The consumer in Node, which knows the schemas alone: it runs, and it reads no field that they do not list."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest

from infra.local.process import ROOT, Process
from infra.local.resources import storage_client
from shared.core.errors import ErrorCode
from shared.core.results import documents, schemas
from shared.core.results.schemas import load_schema
from shared.pipeline.worker.analyze import analyze
from tests.fields_page import paths
from tests.rig import RESULTS, Rig
from tests.services import running
from tests.waiting import wait_until

if TYPE_CHECKING:
    from tests.contract.pubsub_control import Controlled

pytest_plugins = ["tests.contract.pubsub_control_fixtures"]

PROGRAM = ROOT / "infra" / "examples" / "push_consumer.mjs"
NODE = shutil.which("node")
OLDEST = 20


def fields_of(file: str) -> set[str]:
    return {path.replace("[]", "") for path, _, _ in paths(load_schema(file))}


def read_by_program(text: str, variable: str) -> set[str]:
    """Return what a program reads of a value: `result.source?.name` is `source.name`."""
    code = re.sub(r"//.*", "", text)
    chains = re.findall(rf"\b{variable}((?:\??\.[a-z_]\w*)+)", code)
    return {chain.replace("?.", ".").removeprefix(".") for chain in chains}


def test_it_reads_only_what_the_schemas_list() -> None:
    text = PROGRAM.read_text(encoding="utf-8")
    of_results = read_by_program(text, "result") | {f"items.{path}" for path in read_by_program(text, "item")}

    assert read_by_program(text, "event") == {"schema", "id", "status", "result", "until"}
    assert read_by_program(text, "event") <= fields_of(schemas.RESULT_EVENT)
    assert {"items", "items.mask.file", "items.box_px", "source.name", "error.code"} <= of_results
    assert of_results <= fields_of(schemas.RESULT)


def _node_version() -> int:
    if NODE is None:
        return 0
    said = subprocess.run([NODE, "--version"], capture_output=True, text=True, check=False).stdout
    match = re.match(r"v(\d+)", said)
    return int(match[1]) if match else 0


def test_it_reads_results_with_their_masks_and_takes_held_events(emulator: Controlled) -> None:
    if _node_version() < OLDEST:
        pytest.skip(f"the example for Node is checked against the schemas only: there is no Node {OLDEST} here")
    rig = Rig()
    image_event = rig.upload("cat.jpg", task="segment")
    analyze(image_event, rig.ports)
    document = rig.document(image_event)
    result = rig.result_events()[0]["result"].split("/", 3)[3]
    held = documents.parked_event(image_event, "0" * 64, code=ErrorCode.DAILY_CEILING, until="2026-11-22T08:00:00Z")
    newer = {"schema": "uplook.result-event/2"}
    said: list[str] = []

    with running("storage") as url:
        bucket = storage_client(url).create_bucket(RESULTS)
        for name in [*(file["name"] for file in document["files"]), result]:
            bucket.blob(name).upload_from_string(rig.store.read(RESULTS, name, max_bytes=10**6))
        env = os.environ | {"STORAGE_EMULATOR_HOST": url, "PORT": "0"}
        with Process("node", [str(NODE), str(PROGRAM)], env=env, on_line=lambda _, line: said.append(line)):
            wait_until(lambda: any("listening on" in line for line in said), "the program to listen")
            [address] = [line.split()[-1] for line in said if "listening on" in line]
            topic = emulator.rig.topic()
            subscription = emulator.rig.subscription(topic, push_config={"push_endpoint": address})
            messages = [held, *rig.publisher.messages[rig.settings.result_topic]]
            emulator.rig.publish(topic, *(message.data for message in messages))
            wait_until(lambda: emulator.counts(subscription)["acked"] == len(messages), "acknowledgements")
            emulator.rig.publish(topic, json.dumps(newer).encode())
            wait_until(lambda: any("found uplook.result-event/2" in line for line in said), "a refusal")
            assert emulator.counts(subscription)["acked"] == len(messages)

    [mask] = [file for file in document["files"] if file["content_type"] == "image/png"]
    told = [json.loads(line) for line in said if line.startswith("{")]
    assert {"id": "0" * 64, "status": "held", "until": "2026-11-22T08:00:00Z"} in told
    [seen] = [each for each in told if each["status"] == "ok"]
    assert (seen["id"], seen["about"], seen["error"]) == (document["id"], "cat.jpg", None)
    assert seen["found"] == [{"label": "square", "box_px": [20, 15, 60, 45], "mask_bytes": mask["size"]}]
