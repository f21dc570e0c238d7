"""What the page is told about an image: small, ready to show, made from result documents and events."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from infra.viewer.names import OBJECTS, PREVIEW, Address, object_url
from infra.viewer.park_reasons import why
from shared.core.events.manifest import is_manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_WORDS = {
    "ok": "done",
    "empty": "the model answered: there is nothing of the kind",
    "partial": "some of it could not be used",
    "blocked": "the model refused to answer",
    "unsupported": "this file, or this model, cannot be used for it",
    "skipped": "the image was gone or replaced before it was read",
    "failed": "it went wrong and was given up",
}
IMAGE_FIELDS = frozenset({"bucket", "name", "generation", "run", "preview", "original"})
"""What a card says of its image, and not of the task."""

_AGAIN = frozenset({"failed", "held"})
_ERROR = re.compile(r"\.error-([0-9]+)\.json")
_OVERLAY = "/overlay."
_DOCUMENT = re.compile(r"/[0-9]+/[a-z_]+(\.error-[0-9]+)?\.json")


def is_document(name: str) -> bool:
    """Whether an object of the results bucket is a result document (`…/<generation>/<task>[.error-<n>].json`).

    >>> is_document("v1/uploads/cat.jpg/7/detect.json"), is_document("v1/uploads/cat.jpg/7/detect/overlay.jpg")
    (True, False)
    """
    slash = name.rfind("/", 0, name.rfind("/"))
    return slash >= 0 and _DOCUMENT.fullmatch(name, slash) is not None


@dataclass(frozen=True, slots=True)
class PlannedTasks:
    """What an image event says: these tasks of a run now wait for a worker."""

    source: Address
    run: str
    tasks: tuple[str, ...]
    redrive: int


def planned_tasks(event: bytes) -> PlannedTasks:
    """Return what an image event asks for.

    Raises:
        ValueError, KeyError, TypeError: it is no image event.
    """
    document = json.loads(event)
    return PlannedTasks(_source(document), document["run"], tuple(_tasks(document)), document.get("redrive", 0))


def replaces(card: Mapping[str, Any], known: Mapping[str, Any]) -> bool:
    """Whether a card says anything newer than the one that is known of the same task.

    A final result replaces a failure, never the reverse; a task that was held can be held again, for another reason.
    """
    if card["document"] == known["document"] and card["reason"] == known["reason"]:
        return False
    return known["status"] in _AGAIN and _age(card) >= _age(known)


def _age(card: Mapping[str, Any]) -> float:
    if card["status"] == "held":
        return -1
    error = _ERROR.search(card["document"] or "")
    return float(error[1]) if error else float("inf")


def _tasks(event: Mapping[str, Any]) -> list[str]:
    return [each["task"] for each in (event, *event.get("with", ()))]


def event_address(event: bytes, *, results: str) -> Address:
    """Return the result document that a result event points to, in the bucket `results`.

    Raises:
        ValueError, KeyError, TypeError: it is no result event.
    """
    uri = json.loads(event)["result"]
    bucket, _, name = uri.removeprefix("gs://").partition("/")
    if bucket != results or not name:
        raise ValueError(f"expected a result in gs://{results}, found {uri!r}")
    return Address(bucket, name)


def is_held(event: bytes) -> bool:
    """Whether a result event tells of an image event that is parked: there is no document yet.

    Raises:
        ValueError, TypeError: it is no result event.
    """
    return dict(json.loads(event)).get("status") == "held"


def held_card(event: bytes) -> dict[str, Any]:
    """Return a parked task as the page shows it; the result that comes later replaces it.

    Raises:
        ValueError, KeyError, TypeError: it is no result event.
    """
    told = json.loads(event)
    return _parked(told, reason=why(told["error"]), until=told["until"])


def stored_held_cards(content: bytes, address: Address, *, code: str) -> list[dict[str, Any]]:
    """Return the tasks of a parked image event as the page shows them; the name of its object says until when.

    Those that are done are among them: their results replace them.

    Raises:
        ValueError, KeyError, TypeError: it is no image event.
    """
    hour = address.name.split("/")[1]
    event = json.loads(content)
    return [_parked({**event, "task": task}, reason=why(code), until=f"{hour}:00") for task in _tasks(event)]


def _parked(document: Mapping[str, Any], *, reason: str, until: str) -> dict[str, Any]:
    return image_fields(_source(document)) | {
        "run": document["run"],
        "task": document["task"],
        "status": "held",
        "words": "parked",
        "reason": f"{reason}; work goes on at {until[:16].replace('T', ' ')} UTC",
        "image": None,
        "caption": None,
        "question": None,
        "answer": None,
        "classes": [],
        "items": [],
        "warnings": [],
        "document": None,
        "overlay": None,
        "model": {"requested": "the model", "served": None},
        "transport": None,
        "usage": None,
        "timing_ms": {},
    }


def result_card(content: bytes, address: Address) -> dict[str, Any]:
    """Return a result document as the page shows it; `address` is where the document lies.

    Raises:
        ValueError, KeyError, TypeError: it is no result document.
    """
    document = json.loads(content)
    status = document["status"]
    return image_fields(_source(document)) | {
        "run": document["run"],
        "task": document["task"],
        "status": status,
        "words": STATUS_WORDS.get(status, status),
        "reason": (document.get("error") or {}).get("message"),
        "image": document.get("image"),
        "caption": document.get("caption"),
        "question": document.get("question"),
        "answer": document.get("answer"),
        "classes": [{"label": each["label"], "reason": each["reason"]} for each in document.get("classes") or []],
        "items": [_item(item, address.bucket) for item in document.get("items") or []],
        "warnings": document["warnings"],
        "document": object_url(OBJECTS, Address(address.bucket, address.name)),
        "overlay": _overlay(document, address.bucket),
        "model": document["model"],
        "transport": document.get("transport"),
        "usage": document.get("usage"),
        "timing_ms": document.get("timing_ms") or {},
    }


def document_name(card: Mapping[str, Any]) -> str:
    """Return the name of a card's result document."""
    url: str = card["document"]
    return unquote(url.removeprefix(f"{OBJECTS}/").partition("/")[2])


def image_fields(source: Address) -> dict[str, Any]:
    """Return what a card says of its image."""
    # The generation is text: it exceeds 2**53, and JavaScript would round it.
    return {
        "bucket": source.bucket,
        "name": source.name,
        "generation": str(source.generation),
        "preview": None if is_manifest(source.name) else object_url(PREVIEW, source),
        "original": object_url(OBJECTS, source),
    }


def _source(document: Mapping[str, Any]) -> Address:
    source = document["source"]
    return Address(source["bucket"], source["name"], int(source["generation"]))


def _item(item: Mapping[str, Any], bucket: str) -> dict[str, Any]:
    mask = item.get("mask") or {}
    return {
        "label": item["label"],
        "box": item.get("box_px"),
        "stored_box": item.get("box_px_stored"),
        "mask": object_url(OBJECTS, Address(bucket, mask["file"])) if mask.get("file") else None,
        "area_px": mask.get("area_px"),
        "reason": item.get("reason") or mask.get("reason"),
    }


def _overlay(document: Mapping[str, Any], bucket: str) -> str | None:
    names = (file["name"] for file in document.get("files") or ())
    found = next((name for name in names if _OVERLAY in name[name.rfind("/") :]), None)
    return object_url(OBJECTS, Address(bucket, found)) if found else None
