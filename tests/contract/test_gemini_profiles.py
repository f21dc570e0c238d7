"""What each model is asked on the wire, task by task.

profiles.json says it of the models that were there when it was written, by hand from Google's pages. Of all models it
is derived from the facts in models.toml, and both say the same where both speak.
"""

from __future__ import annotations

import base64
import datetime as dt
import json
import threading
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from shared.adapters.gemini import GeminiModel
from shared.adapters.gemini_access import ByKey
from shared.core.gemini.registry import known_models, profile
from shared.core.gemini.service import Service, refusal
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import resolve_settings
from shared.core.tasks.catalogue import TASKS
from shared.pipeline.worker.analyze import analyze
from tests.rig import Rig, picture, reply
from tests.services import running

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.registry import ModelProfile

PROFILES = json.loads(Path(__file__).with_name("profiles.json").read_text(encoding="utf-8"))
BY_HAND, TASKS_ON_WIRE = PROFILES["models"], PROFILES["tasks"]


def _on_wire(model: ModelProfile) -> dict[str, Any]:
    """How a model is asked to think at two levels, and for which tasks no schema is sent, by its facts."""
    thinking: dict[str, Any] = dict.fromkeys(("minimal", "low"))
    if model.thinking == "level":
        levels = {wish: wish if wish in model.levels else model.levels[0] for wish in thinking}
        thinking = {wish: {"thinking_level": level.upper()} for wish, level in levels.items()}
    elif model.thinking == "budget":
        thinking = {wish: {"thinking_budget": model.least_budget} for wish in thinking}
    masked = [task.name for task in TASKS.values() if task.wants_masks]
    return {**thinking, "without_schema": masked if model.masks == "png" else []}


MODELS = {model.id: _on_wire(model) for model in (*known_models(), profile("gemini-9-uranium"))}
EMULATED = [model.id for model in known_models() if not model.id.startswith("gemini-2.0")]
BEFORE_ANY_END = dt.timedelta(days=365)
"""From the rig's first day back to one on which every model of the registry answered."""

SAMPLING = {"temperature", "topP", "top_p", "topK", "top_k", "seed", "candidateCount"}
each_task = pytest.mark.parametrize("task", TASKS_ON_WIRE)


class Recorder(ThreadingHTTPServer):
    """A server that keeps every request and answers each with the same caption."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sent: list[tuple[str, dict[str, Any]]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Recorder

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.sent.append((f"{self.command} {self.path}", body))
        answer = json.dumps(reply('{"caption": "A red square."}')).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def recorder() -> Iterator[Recorder]:
    with Recorder() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with running("gemini") as url:
        yield url


def _analyzed(url: str, model: str, task: str, **wish: Any) -> tuple[Rig, ImageEvent]:
    """Do a task with a model behind an address, and return where the result lies."""
    rig = Rig()
    rig.clock.midnight -= BEFORE_ANY_END
    question = "What is red?" if task == "ask" else None
    choices = Choices(for_task={task: TaskChoices(model=model, question=question, **wish)})
    event = replace(rig.upload(), task=task, settings=resolve_settings(task, choices))
    analyze(event, replace(rig.ports, model=GeminiModel(ByKey("local"), base_url=url, connections=1)))
    return rig, event


def _sent(recorder: Recorder, model: str, task: str, **wish: Any) -> tuple[str, dict[str, Any], ImageEvent]:
    recorder.sent.clear()
    _, event = _analyzed(recorder.url, model, task, **wish)
    line, body = recorder.sent[0]  # an empty answer is asked for once more
    return line, body, event


def test_what_is_derived_is_what_is_written_by_hand() -> None:
    assert {model: MODELS[model] for model in BY_HAND} == BY_HAND


def test_every_task_is_written_down() -> None:
    assert sorted(TASKS_ON_WIRE) == list(TASKS)


def _output_limit(model: str, task: str, thinking: dict[str, Any] | None) -> int:
    """What an answer of 25 items (200 lines) may have, by hand, and the room for the thoughts that come before it."""
    limits, of_task = PROFILES["max_output_tokens"], TASKS_ON_WIRE[task]
    answer = of_task["answer_with_png" if task in MODELS[model]["without_schema"] else "answer"]
    rooms = limits["room_for_thoughts"]
    room = 0 if thinking is None else rooms[thinking.get("thinking_level", "budget")]
    return min(int(limits["most"]), int(answer) + int(room))


@each_task
@pytest.mark.parametrize("model", MODELS)
def test_a_model_is_asked_exactly_as_its_profile_says(recorder: Recorder, model: str, task: str) -> None:
    line, body, event = _sent(recorder, model, task)

    expected = TASKS_ON_WIRE[task]
    thinking = MODELS[model][expected["thinking"]]
    config: dict[str, Any] = {"maxOutputTokens": _output_limit(model, task, thinking)}
    if thinking is not None:
        config["thinkingConfig"] = thinking
    if task not in MODELS[model]["without_schema"]:
        config |= {"responseMimeType": "application/json", "responseJsonSchema": expected["schema"]}
    sent = body["generationConfig"]
    if "responseJsonSchema" in sent:
        sent["responseJsonSchema"] = list(sent["responseJsonSchema"]["properties"])
    assert line == f"POST /v1/models/{model}:generateContent"
    assert sent == config
    assert set(body) == {"contents", "generationConfig"}
    image, text = body["contents"][0]["parts"]
    assert list(image) == ["inlineData"]
    assert image["inlineData"]["mime_type"] == "image/jpeg"
    assert base64.urlsafe_b64decode(image["inlineData"]["data"]) == picture()
    assert text == {"text": event.settings.prompt}


@pytest.mark.parametrize("model", MODELS)
def test_no_sampling_field_is_ever_sent(recorder: Recorder, model: str) -> None:
    _, body, _ = _sent(recorder, model, "detect")

    assert not SAMPLING & set(body["generationConfig"])


@pytest.mark.parametrize(
    ("model", "wish"), [(model, wish) for model, wishes in PROFILES["media_resolution"].items() for wish in wishes]
)
def test_a_media_resolution_goes_where_the_model_takes_it(recorder: Recorder, model: str, wish: str) -> None:
    _, body, _ = _sent(recorder, model, "caption", media_resolution=wish)

    of_all, of_image = PROFILES["media_resolution"][model][wish]
    assert {key: value for key, value in body["generationConfig"].items() if key == "mediaResolution"} == of_all
    assert body["contents"][0]["parts"][0].get("mediaResolution") == of_image


@each_task
@pytest.mark.parametrize("model", EMULATED)
def test_the_emulator_takes_what_the_profile_says_and_it_is_understood(emulator: str, model: str, task: str) -> None:
    rig, event = _analyzed(emulator, model, task)

    document = rig.document(event)
    assert document["status"] in {"ok", "empty"}
    assert document["model"]["requested"] == model


def test_every_model_that_can_be_named_today_was_asked_of_the_emulator() -> None:
    service = Service("developer", dt.date(2026, 11, 21))

    assert {model.id for model in known_models() if refusal(model, service) is None} <= set(EMULATED)
