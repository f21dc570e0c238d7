"""Answers of Gemini that are not as documented: a passing fault each, and never an error of the SDK's."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey, OnVertex
from shared.core.errors import ModelRejectedError, TransientError
from shared.core.gemini.request import InlineImage, ModelRequest
from tests.contract.web_rig import Server, answer
from tests.rig import picture

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

TIMEOUT_S = 60.0
NAME = "files/uplook-one"
CLOSE = "Connection: close\r\n"
REQUEST = ModelRequest(
    model="gemini-3.8-flash",
    prompt="Describe this image.",
    images=(InlineImage(picture(), "image/jpeg"),),
    max_output_tokens=1000,
)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as listening:
        yield listening


@pytest.fixture(scope="module")
def model(server: Server) -> GeminiModel:
    return GeminiModel(ByKey("local"), base_url=server.origin, connections=4)


CALLS: dict[str, Callable[[GeminiModel], object]] = {
    "generate": lambda model: model.generate(REQUEST, timeout_s=TIMEOUT_S),
    "upload": lambda model: model.upload(NAME, picture(), mime_type="image/jpeg", timeout_s=TIMEOUT_S),
    "get": lambda model: model.get_file(NAME, timeout_s=TIMEOUT_S),
    "delete": lambda model: model.delete_file(NAME, timeout_s=TIMEOUT_S),
    "register": lambda model: model.register_file("gs://uploads/a.jpg", timeout_s=TIMEOUT_S),
}
ODD_FILES = (
    b"null",
    b"[]",
    b"{}",
    b'"x"',
    b'{"name": 5}',
    b'{"name": "files/a", "uri": "x", "createTime": "soon"}',
    b'{"name": "files/a", "uri": "x", "sizeBytes": "%s"}' % (b"9" * 5000),
    b'{"name": "files/a", "uri": "x", "state": 7}',
    b'{"name": "files/a", "state": "ACTIVE"}',
    b"[" * 900 + b"]" * 900,
)
ODD_BODIES = (b"", b"<html>", b"[" * 9000, *ODD_FILES)


def _started(address: str) -> bytes:
    return answer(headers=f"X-Goog-Upload-URL: {address}\r\nX-Goog-Upload-Status: active\r\n{CLOSE}")


@pytest.mark.fault(94)
@pytest.mark.parametrize("body", [*ODD_BODIES, *(b'{"file": %s}' % file for file in ODD_FILES)])
def test_a_broken_200_to_an_upload_is_a_passing_fault(server: Server, model: GeminiModel, body: bytes) -> None:
    finished = answer(body, headers=f"X-Goog-Upload-Status: final\r\n{CLOSE}")
    server.answers = [_started(f"{server.origin}/up"), finished]

    with pytest.raises(TransientError):
        CALLS["upload"](model)


@pytest.mark.fault(94)
@pytest.mark.parametrize("address", ["::bad::", "http://[::bad/", "http://a..b/", "http://127.0.0.1:-1/"])
def test_an_upload_that_is_sent_nowhere_is_a_passing_fault(server: Server, model: GeminiModel, address: str) -> None:
    server.answers = [_started(address)]

    with pytest.raises(TransientError):
        CALLS["upload"](model)


@pytest.mark.fault(94)
@pytest.mark.parametrize(
    ("call", "body"),
    [
        *(("get", body) for body in ODD_BODIES),
        *(("register", body) for body in ODD_BODIES),
        *(("register", b'{"files": [%s]}' % file) for file in ODD_FILES),
    ],
)
def test_a_broken_200_about_a_file_is_a_passing_fault(
    server: Server, model: GeminiModel, call: str, body: bytes
) -> None:
    server.answers = [answer(body, headers=CLOSE)]

    with pytest.raises(TransientError):
        CALLS[call](model)


@pytest.mark.fault(94)
@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    "broken",
    [
        answer(b"[" * 9000, headers=CLOSE),
        answer(b"[" * 9000, status="503 Unavailable", headers=CLOSE),
        answer(b"{}", headers=f"Content-Type: application/json; charset=undefined\r\n{CLOSE}"),
        answer(b"junk", headers=f"Content-Encoding: gzip\r\n{CLOSE}"),
        answer(status="302 Found", headers=f"Location: http://a..b/\r\n{CLOSE}"),
    ],
    ids=["depth", "depth of an error", "charset", "encoding", "redirect"],
)
def test_an_answer_that_nobody_can_read_is_a_passing_fault(
    server: Server, model: GeminiModel, call: str, broken: bytes
) -> None:
    server.answers = [broken]

    with pytest.raises(TransientError):
        CALLS[call](model)


@pytest.mark.fault(94)
@pytest.mark.parametrize("message", [b"5", b"null", b'{"a": [1]}'])
def test_an_error_whose_message_is_no_text_means_what_its_status_says(
    server: Server, model: GeminiModel, message: bytes
) -> None:
    server.answers = [answer(b'{"error": {"message": %s}}' % message, status="400 Bad Request", headers=CLOSE)]

    with pytest.raises(ModelRejectedError):
        CALLS["generate"](model)


def test_a_call_that_the_sdk_refuses_to_make_stays_a_flaw_of_ours() -> None:
    model = GeminiModel(OnVertex("a-project", "global"), base_url="http://127.0.0.1:9", connections=1)

    with pytest.raises(ValueError, match="only supported in"):
        CALLS["upload"](model)
