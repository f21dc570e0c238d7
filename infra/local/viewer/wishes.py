"""What requests want done, read from their queries and bodies: pure, and refused in words where it makes no sense."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from infra.viewer.errors import ApiError
from infra.viewer.names import checked_name
from infra.viewer.requests import parameters
from shared.core.tasks.catalogue import TASKS
from shared.core.values import MAX_QUESTION

if TYPE_CHECKING:
    from collections.abc import Mapping

_MAX_LABELS_TEXT: Final = 4000


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
    said = parameters(query)
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
