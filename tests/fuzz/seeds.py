"""Where a corpus begins: real answers, real events, the hostile folder, and one of each kind of mask."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from shared.core.delivery.journal import JournalledReply, format_reply
from shared.core.events.envelopes import ImageEvent, format_image_event
from shared.core.gemini.transport import Transport
from shared.core.values import ImageInfo, Source, TaskSettings
from tests.costly_images import SMALL
from tests.hostile_images import hostile_images

_REPLIES = Path(__file__).parents[1] / "replies"
_MAX_SEED = 4_000
_MAX_IMAGE = 8_000
_KINDS_OF_MASKS = 13
_ODD_ANSWERS = (
    b'[{"box_2d": ["1", " 2.5 ", "300", "400"], "label": 7}]',
    b'[{"ymin": 0.1, "xmin": 0.2, "ymax": 0.9, "xmax": 1, "label": "a"}, {"box_2d": [0.1, 0.2, 0.9, 1]}]',
    b'[{"box_2d": [5, 5, 5, 9]}, {"box_2d": [true, 1e999, NaN, null]}, {"point": [1, 2]}, 3]',
    b'[{"box": {"y_min": 1, "xMin": 2, "ymax": 3, "xmax": 4}, "box": [4, 3, 2, 1]}]',
    b'{"a": {"b": {"c": {"d": {"e": {"f": {"g": {"h": [{"box_2d": [1, 2, 3, 4]}]}}}}}}}}',
    b'{"label": "cat"}',
    b'{"labels": ["cat", "a red square", "yak"]}',
    b'{"answer": "It is {red}."}',
    b'[{"mask": [[100, 100], [300, 100], [300, 300]], "label": "no box"}]',
    b"[" * 3_000,
)
_ODD_MASKS = (b"[7]", b"[[0.1, 0.1, 0.9, 0.1, 0.9, 0.9]]", b"[[[1, 2], [3, 4]], {}]", b"[true, false]")


def seeds(target: str) -> list[bytes]:
    """Return the inputs that a target starts with."""
    return _SEEDS[target]()


def write_seeds(target: str, folder: Path) -> None:
    """Write the seeds as files; what lies there already stays."""
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds(target)):
        (folder / f"seed-{number:03d}").write_bytes(seed)


def _answers() -> list[bytes]:
    return [path.read_bytes()[:_MAX_SEED] for path in sorted(_REPLIES.glob("*/response.txt"))]


def _replies() -> list[bytes]:
    bodies = [json.dumps(_body(text.decode(errors="replace"))).encode() for text in _answers()]
    texts = [*_answers(), *bodies, *_ODD_ANSWERS]
    # Image, number of items, end of the answer; the last byte asks for a document now and then.
    return [
        bytes([number % 8, number % 4, 0, 8 * (number % 8) + number % 2]) + text for number, text in enumerate(texts)
    ]


def _body(text: str) -> Mapping[str, Any]:
    parts = [{"text": "hm", "thought": True}, {"text": text}]
    usage = {"promptTokenCount": 9, "candidatesTokenCount": 5, "thoughtsTokenCount": 1, "totalTokenCount": 15}
    return {
        "candidates": [{"content": {"parts": parts, "role": "model"}, "finishReason": "STOP"}],
        "promptFeedback": {"blockReason": "BLOCK_REASON_UNSPECIFIED"},
        "usageMetadata": usage,
        "modelVersion": "gemini-3.8-flash",
        "responseId": "r1",
    }


def _masks() -> list[bytes]:
    # Image of 201x101, box of 100-900; then the kind of value and its bytes.
    choices = bytes([0, 200, 0, 100, 0, 0, 100, 0, 100, 3, 31, 3, 31])
    numbers = b"".join(number.to_bytes(2, "big") for number in (220, 220, 820, 220, 820, 720, 520, 920, 220, 720))
    kinds = [choices + bytes([kind, 0]) + numbers for kind in range(_KINDS_OF_MASKS)]
    texts = [choices + bytes([kind]) + text for text in _answers() if b"mask" in text for kind in (0, 1)]
    return kinds + texts + [choices + b"\1" + text for text in _ODD_MASKS]


def _envelopes() -> list[bytes]:
    source = Source("uploads", "photos/cat.jpg", 1_700_000_000_000_000, 4_096, "image/jpeg", "AAAAAA==")
    settings = TaskSettings("gemini-3.8-flash", "Detect.", "low", 25, 50_000_000, ("cat", "dog"), None, "German")
    asked = replace(
        settings,
        question="Why?",
        multi_label=True,
        system_instruction="Be kind.",
        media_resolution="high",
        safety=(("HARM_CATEGORY_HARASSMENT", "OFF"),),
    )
    event = format_image_event(ImageEvent(source, "detect", settings, "v1", 1)).data
    upload = {
        "bucket": "uploads",
        "name": "photos/cat.jpg",
        "generation": "1700000000000000",
        "size": "4096",
        "contentType": "image/jpeg",
        "crc32c": "AAAAAA==",
        "metadata": {
            "uplook-tasks": "caption,detect,classify,ask",
            "uplook-labels": "cat, dog",
            "uplook-language": "German",
            "uplook-question": "Why {not}?",
            "uplook-max-items": "3",
        },
    }
    push = {"message": {"data": "eyJhIjogMX0=", "messageId": "17", "attributes": {}}, "subscription": "s"}
    info, transport_ = (
        ImageInfo(4, 3, "png", "image/png"),
        Transport("inline", "image/png", 3, reused=False, reason="fits"),
    )
    journal = JournalledReply("k", "a", "m", "2026-11-21T09:30:00Z", info, transport_, {"model": 1}, _body("[]"))
    long = upload | {"name": "../" + "%~#/" * 250 + "/./a.jpg", "contentType": None}
    documents = [
        json.dumps(long).encode(),
        event,
        format_image_event(ImageEvent(source, "ask", asked, "v1")).data,
        json.dumps(upload).encode(),
        json.dumps(push).encode(),
        format_reply(journal),
    ]
    return [b"\1" + document for document in documents]


def _images() -> list[bytes]:
    return [b"\0\1" + data for data in hostile_images().values() if len(data) <= _MAX_IMAGE]


def _costs() -> list[bytes]:
    return _images() + [b"\0\1" + make() for make in SMALL.values()]


_SEEDS: Mapping[str, Callable[[], list[bytes]]] = {
    "replies": _replies,
    "masks": _masks,
    "envelopes": _envelopes,
    "images": _images,
    "costs": _costs,
}
TARGETS = tuple(_SEEDS)
