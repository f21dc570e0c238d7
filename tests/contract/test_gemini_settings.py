"""The settings of a task arrive on the wire, by the names of the API, and what is not set is not sent."""

from __future__ import annotations

import dataclasses
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core.gemini.registry import profile
from shared.core.gemini.request import InlineImage, ModelRequest
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import resolve_settings
from shared.core.replies.answer import read_answer
from shared.core.tasks.catalogue import TASKS
from shared.core.values import ImageInfo, TaskSettings
from tests.rig import picture, reply
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.tasks.common.task import Reading

TIMEOUT_S = 60.0
INFO = ImageInfo(80, 60, "jpeg", "image/jpeg")


@contextmanager
def _listening() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Yield the address of a server that answers every request alike, and the bodies it was sent, with their `path`."""
    sent: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            sent.append({"path": self.path} | json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = json.dumps(reply("A red square.")).encode()
            self.send_response(200)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _request(**settings: Any) -> ModelRequest:
    return ModelRequest(
        model="gemini-3.8-flash",
        prompt="Describe it.",
        images=(InlineImage(picture(), "image/jpeg"),),
        max_output_tokens=1000,
        **settings,
    )


def _sent(**settings: Any) -> dict[str, Any]:
    with _listening() as (url, sent):
        GeminiModel(ByKey("local"), base_url=url, connections=1).generate(_request(**settings), timeout_s=TIMEOUT_S)
    (body,) = sent
    del body["path"]
    return body


def test_a_system_instruction_safety_and_media_resolution_are_sent_by_the_names_of_the_api() -> None:
    body = _sent(
        system_instruction="You are kind.",
        safety=(("HARM_CATEGORY_HARASSMENT", "BLOCK_ONLY_HIGH"), ("HARM_CATEGORY_HATE_SPEECH", "OFF")),
        media_resolution="medium",
    )

    assert body["systemInstruction"]["parts"] == [{"text": "You are kind."}]
    assert body["safetySettings"] == [
        {"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_ONLY_HIGH"},
        {"category": "HARM_CATEGORY_HATE_SPEECH", "threshold": "OFF"},
    ]
    assert body["generationConfig"]["mediaResolution"] == "MEDIA_RESOLUTION_MEDIUM"
    assert "mediaResolution" not in body["contents"][0]["parts"][0]


def test_the_finest_resolution_is_sent_with_the_image_where_alone_it_exists() -> None:
    body = _sent(media_resolution="ultra_high")

    assert body["contents"][0]["parts"][0]["mediaResolution"] == {"level": "MEDIA_RESOLUTION_ULTRA_HIGH"}
    assert "mediaResolution" not in body["generationConfig"]


@pytest.mark.parametrize(
    ("wanted", "version"),
    [
        ({}, "v1"),
        ({"media_resolution": "high"}, "v1"),
        ({"media_resolution": "ultra_high"}, "v1beta"),
        ({"model": "gemini-flash-latest"}, "v1beta"),
    ],
)
def test_what_only_v1beta_knows_is_asked_there_and_nothing_else(wanted: dict[str, str], version: str) -> None:
    request = dataclasses.replace(_request(), **wanted)  # type: ignore[arg-type]
    with _listening() as (url, sent):
        GeminiModel(ByKey("local"), base_url=url, connections=1).generate(request, timeout_s=TIMEOUT_S)

    assert sent[0]["path"] == f"/{version}/models/{request.model}:generateContent"


def test_what_is_not_set_is_not_sent() -> None:
    body = _sent()

    assert set(body) == {"contents", "generationConfig"}
    assert set(body["generationConfig"]) == {"maxOutputTokens"}


@pytest.fixture(scope="module")
def emulator() -> Iterator[GeminiModel]:
    with running("gemini") as url:
        yield GeminiModel(ByKey("local"), base_url=url, connections=2)


def _answered(emulator: GeminiModel, task: str, **choices: Any) -> tuple[Reading, TaskSettings]:
    """Ask the emulator as a worker would; return what the task reads."""
    settings = resolve_settings(task, Choices(for_task={task: TaskChoices(**choices)}))
    model = profile(settings.model)
    request = ModelRequest(
        model=model.id,
        prompt=settings.prompt,
        images=(InlineImage(picture(), "image/jpeg"),),
        max_output_tokens=4096,
        schema=TASKS[task].schema(model, settings),
        thinking_level=model.level(settings.thinking),
    )
    answer = read_answer(emulator.generate(request, timeout_s=TIMEOUT_S))
    return TASKS[task].read(answer, settings, INFO), settings


@pytest.mark.parametrize("labels", [("photo", "graphic", "chart"), ("red", "blue"), ("zebra",)])
def test_the_emulator_chooses_one_of_the_labels_that_are_given(emulator: GeminiModel, labels: tuple[str, ...]) -> None:
    reading, _ = _answered(emulator, "classify", labels=labels)

    assert (reading.status, len(reading.classes or ())) == ("ok", 1)
    assert (reading.classes or ())[0].label in labels


def test_the_emulator_chooses_several_labels_where_several_may_apply(emulator: GeminiModel) -> None:
    reading, _ = _answered(emulator, "classify", labels=("graphic", "red", "green"), multi_label=True)

    labels = [one.label for one in reading.classes or ()]
    assert reading.status == "ok"
    assert "graphic" in labels
    assert "green" not in labels


def test_the_emulator_tags_without_labels_at_most_as_many_as_wanted(emulator: GeminiModel) -> None:
    reading, _ = _answered(emulator, "classify", max_items=3)

    assert (reading.status, len(reading.classes or ())) == ("ok", 3)


@pytest.mark.parametrize(
    ("question", "words"),
    [
        ("How many faces are there?", "no frontal faces"),
        ("Is there a person?", "no frontal face"),
        ("What colours do you see?", "white"),
    ],
)
def test_the_emulator_answers_the_question_and_not_the_prompt_around_it(
    emulator: GeminiModel, question: str, words: str
) -> None:
    reading, settings = _answered(emulator, "ask", question=question)

    assert settings.question == question
    assert reading.status == "ok"
    assert words in (reading.answer or "")


def test_a_finer_resolution_costs_more_tokens_than_a_coarser_one(emulator: GeminiModel) -> None:
    tokens = [
        read_answer(emulator.generate(_request(media_resolution=level), timeout_s=TIMEOUT_S)).usage.prompt_tokens or 0
        for level in ("low", "medium", "high", "ultra_high")
    ]

    assert tokens == sorted(set(tokens))
