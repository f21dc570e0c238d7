"""How images travel, over real processes: one upload for all tasks, several images in one question, and Vertex."""

from __future__ import annotations

import contextlib
import json
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from infra.local import endpoints, resources, topology
from shared.core.results import schemas
from tests.closed_schema import documented
from tests.contract.web_rig import Server, answer
from tests.e2e.test_stack import jpeg, local
from tests.rig import picture
from tests.waiting import WAIT_S, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.cloud.storage import Blob

    from infra.local.endpoints import Endpoints

TASKS = ("caption", "detect", "segment")
ASKS = 2
"""detect is answered out of segment's call."""
INLINE_LIMIT_BYTES = 20_000  # less than the photograph, more than the little pictures


@contextlib.contextmanager
def _stack(folder: str, *options: str, env: dict[str, str]) -> Iterator[Endpoints]:
    started = local("up", "--detach", "--state", folder, "--viewer-port", "0", *options, env=env)
    try:
        assert started.returncode == 0, started.stdout + started.stderr
        yield _endpoints(folder)
    finally:
        local("down", "--state", folder)


def _endpoints(folder: str) -> Endpoints:
    state = endpoints.read(Path(folder))
    assert state is not None
    return state.endpoints


def _put(stack: Endpoints, name: str, data: bytes, content_type: str = "image/jpeg") -> Blob:
    blob = resources.storage_client(stack.storage).bucket(topology.UPLOADS).blob(name)
    blob.upload_from_string(data, content_type=content_type)
    return blob


def _result(stack: Endpoints, blob: Blob, task: str) -> dict[str, Any]:
    name = f"v1/uploads/{blob.name}/{blob.generation}/{task}.json"
    bucket = resources.storage_client(stack.storage).bucket(topology.RESULTS)
    found = wait_until(lambda: bucket.get_blob(name), name)
    document = documented(found.download_as_bytes(), where=name)
    assert schemas.problem(document) is None
    return document


def _calls(stack: Endpoints) -> dict[str, Any]:
    with urllib.request.urlopen(f"{stack.gemini}/_control/calls", timeout=WAIT_S) as reply:
        found: dict[str, Any] = json.load(reply)
    return found


@pytest.fixture(scope="module")
def web() -> Iterator[Server]:
    with Server(answer(picture(120, 90))) as server:
        yield server


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory, web: Server) -> Iterator[Endpoints]:
    env = {"INLINE_LIMIT_BYTES": str(INLINE_LIMIT_BYTES), "IMAGE_URL_ORIGINS": web.origin}
    with _stack(str(tmp_path_factory.mktemp("transport")), env=env) as started:
        yield started


def test_the_same_image_is_uploaded_once_for_the_functions_that_ask_about_it(stack: Endpoints) -> None:
    blob = _put(stack, "astronaut.jpg", jpeg())

    documents = [_result(stack, blob, task) for task in TASKS]

    assert [document["transport"]["kind"] for document in documents] == ["file"] * 3
    caption, detect, segment = (document["transport"]["reused"] for document in documents)
    assert (detect, {caption, segment}) == (segment, {True, False})
    found = _calls(stack)
    assert found["uploads"] == 1
    assert [call["transport"] for call in found["calls"]] == [["file"]] * ASKS


def test_one_question_about_images_in_the_bucket_and_on_the_web_is_asked_in_one_call(
    stack: Endpoints, web: Server
) -> None:
    for name, data in (("trip/large.jpg", jpeg()), ("trip/small.jpg", picture())):
        _result(stack, _put(stack, name, data), "caption")
    manifest = {
        "schema": "uplook.manifest/1",
        "question": "Which of these pictures is the largest?",
        "images": ["large.jpg", "gs://uploads/trip/small.jpg", f"{web.origin}/web.jpg?signature=hidden"],
    }
    blob = _put(stack, "trip/which.uplook.json", json.dumps(manifest).encode(), "application/json")

    document = _result(stack, blob, "ask")

    assert (document["status"], bool(document["answer"])) == ("ok", True)
    assert [image["transport"]["kind"] for image in document["images"]] == ["file", "inline", "inline"]
    assert document["images"][2]["uri"] == f"{web.origin}/web.jpg?…"
    assert [call["transport"] for call in _calls(stack)["calls"]].count(["file", "inline", "inline"]) == 1


def test_on_vertex_every_image_goes_by_its_address_in_the_bucket(tmp_path_factory: pytest.TempPathFactory) -> None:
    with _stack(str(tmp_path_factory.mktemp("vertex")), "--backend", "vertex", env={}) as stack:
        blob = _put(stack, "astronaut.jpg", jpeg())
        documents = [_result(stack, blob, task) for task in TASKS]
        found = _calls(stack)

    assert [document["status"] for document in documents] == ["ok"] * 3
    assert [document["transport"]["kind"] for document in documents] == ["gs"] * 3
    assert (found["uploads"], [call["transport"] for call in found["calls"]]) == (0, [["gs"]] * ASKS)
