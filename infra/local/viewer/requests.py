"""What requests ask for, read from their queries and bodies: pure, and refused in words where it makes no sense."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qs

from infra.local.viewer.catalog import STATES, Query
from infra.local.viewer.errors import ApiError
from infra.local.viewer.names import checked_name
from shared.core.tasks.catalogue import TASKS
from shared.core.values import MAX_QUESTION

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_IMAGES: Final = 120
"""How many images one answer holds at most."""

_MAX_LABELS_TEXT: Final = 4000


@dataclass(frozen=True, slots=True)
class Window:
    """Which part of the images a page shows: `limit` from `offset` on, or those about one with the key `around`."""

    query: Query
    offset: int
    limit: int
    around: str


def read_window(query: bytes) -> Window:
    """Read what `/api/images` is asked for.

    Raises:
        ApiError: 400, a value makes no sense.
    """
    said = _parameters(query)
    state = said.get("state", "")
    if state not in {"", *STATES}:
        raise ApiError(400, f"Expected one of {', '.join(STATES)} as state, found {state!r}.")
    wanted = Query(said.get("q", ""), state, said.get("task", ""), said.get("label", ""))
    return Window(
        wanted, _number(said, "offset", 0), min(_number(said, "limit", 60), MAX_IMAGES), said.get("around", "")
    )


def read_key(query: bytes) -> str:
    """Return the key of the image that is asked for.

    Raises:
        ApiError: 400, there is none.
    """
    key = _parameters(query).get("key", "")
    if not key:
        raise ApiError(400, "Expected the key of an image as `key`, found none.")
    return key


@dataclass(frozen=True, slots=True)
class UploadWish:
    """An upload: the object's name, and the metadata that says what is wanted of it."""

    name: str
    metadata: Mapping[str, str]


def read_upload(query: bytes) -> UploadWish:
    """Read what an upload is called, and what is asked of it.

    Raises:
        ApiError: 400, Cloud Storage would refuse the name, or no metadata could hold the rest.
    """
    said = _parameters(query)
    name = checked_name(said.get("name", ""))
    metadata = {}
    question = said.get("question", "").strip()
    if len(question) > MAX_QUESTION:
        raise ApiError(400, f"Expected a question of at most {MAX_QUESTION} characters, found {len(question)}.")
    tasks = [task for task in said.get("tasks", "").split(",") if task]
    unknown = [task for task in tasks if task not in TASKS]
    if unknown:
        raise ApiError(400, f"Expected tasks among {', '.join(TASKS)}, found {', '.join(unknown)!r}.")
    labels = ", ".join(label.strip() for label in said.get("labels", "").split(",") if label.strip())
    if len(labels) > _MAX_LABELS_TEXT:
        raise ApiError(400, f"Expected labels of at most {_MAX_LABELS_TEXT} characters, found {len(labels)}.")
    if question:
        metadata["uplook-question"] = question
    if tasks:
        metadata["uplook-tasks"] = ",".join(tasks)
    if labels:
        metadata["uplook-labels"] = labels
    return UploadWish(name, metadata)


def read_object(body: bytes, *fields: str) -> dict[str, str]:
    """Read a JSON object of texts.

    Raises:
        ApiError: 400, it is none, or one of the fields is missing.
    """
    try:
        document: Any = json.loads(body)
    except ValueError as error:
        raise ApiError(400, f"Expected JSON: {error}.") from error
    if not isinstance(document, dict) or not all(isinstance(document.get(field), str) for field in fields):
        raise ApiError(400, f"Expected an object with the texts {', '.join(fields)}.")
    return {field: document[field] for field in fields}


def _number(said: Mapping[str, str], key: str, default: int) -> int:
    text = said.get(key, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 10):  # noqa: PLR2004 - more than any catalog holds
        raise ApiError(400, f"Expected a whole number as {key}, found {text!r}.")
    return int(text)


def _parameters(query: bytes) -> dict[str, str]:
    try:
        found = parse_qs(query.decode("ascii"), keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise ApiError(400, f"Expected a query in percent-encoded UTF-8: {error}.") from error
    return {key: values[-1] for key, values in found.items()}
