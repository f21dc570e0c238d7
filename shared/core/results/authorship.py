"""Whether a document that lies where a result belongs can be one of ours: decided from its bytes and the event.

Names are no proof. Where results share a bucket with uploads, whoever may upload may also write below the results'
prefix, and before the worker does.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from shared.core.errors import UplookError
from shared.core.results.documents import RESULT_SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.events.envelopes import ImageEvent

_ID = re.compile(r"[0-9a-f]{64}")
_LISTS = ("files", "warnings")
_OPTIONAL_LISTS = ("items", "classes")


class ForeignObjectError(UplookError):
    """What lies where an object of ours belongs is not ours. `document` is what it holds, where it looks like ours."""

    def __init__(self, message: str, document: Mapping[str, Any] | None = None) -> None:
        super().__init__(message)
        self.document = document


def own_document(data: bytes, event: ImageEvent, *, failed: bool) -> dict[str, Any]:
    """Return a committed document, which is about exactly this task of this source and run.

    `failed` says whether an error document belongs there. Its `id` may be that of other settings: what was committed
    for a name stays, until a new run.

    Raises:
        ForeignObjectError: this deployment did not write it; the message says why.
    """
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise ForeignObjectError(f"Expected a result document as JSON: {error}.") from error
    if not isinstance(document, dict):
        raise ForeignObjectError(f"Expected a result document, found {type(document).__name__}.")
    wrong = [name for name, right in _checks(document, event, failed=failed).items() if not right]
    if wrong:
        raise ForeignObjectError(f"Expected a result of this event, found another {', another '.join(wrong)}.")
    return document


def alike(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Whether two documents say the same, perhaps at different times: then it does not matter who wrote them."""
    return {**one, "created": None} == {**other, "created": None}


def _checks(document: Mapping[str, Any], event: ImageEvent, *, failed: bool) -> dict[str, bool]:
    """Return by field whether it can be ours: all that the result event is made of."""
    source, error = document.get("source"), document.get("error")
    about = (event.source.bucket, event.source.name, str(event.source.generation))
    named = [source.get(key) for key in ("bucket", "name", "generation")] if isinstance(source, dict) else []
    return {
        "schema": document.get("schema") == RESULT_SCHEMA,
        "id": isinstance(document.get("id"), str) and _ID.fullmatch(document["id"]) is not None,
        "task": document.get("task") == event.task,
        "run": document.get("run") == event.run,
        "source": tuple(named) == about,
        "status": isinstance(document.get("status"), str) and (document["status"] == "failed") == failed,
        "error": "error" in document
        and (error is None or (isinstance(error, dict) and isinstance(error.get("code"), str))),
        "caption": isinstance(document.get("caption"), str | None),
        **{name: isinstance(document.get(name), list) for name in _LISTS},
        **{name: _is_list_of_objects(document.get(name)) for name in _OPTIONAL_LISTS},
    }


def _is_list_of_objects(value: Any) -> bool:
    return value is None or (
        isinstance(value, list)
        and all(isinstance(each, dict) and isinstance(each.get("mask"), dict | None) for each in value)
    )
