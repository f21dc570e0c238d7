"""Result documents and result events: the contract with everybody downstream (`uplook.result/1`).

`ok`, `empty`, `partial`, `blocked`, `unsupported` and `skipped` are final and lie in `<task>.json`; `failed` lies in
`<task>.error-<n>.json`, so that a redrive after a fix can still commit the result.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from shared.core import jsontext
from shared.core.errors import ErrorCode
from shared.core.events.envelopes import ask_document, settings_document, source_document
from shared.core.gemini.prices import billed, cost_usd
from shared.core.gemini.registry import profile
from shared.core.ports import Message
from shared.core.values import NOTHING_USED

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from shared.core.delivery.journal import Asked, JournalledReply, SentImage
    from shared.core.events.envelopes import ImageEvent
    from shared.core.gemini.transport import Transport
    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.task import Reading
    from shared.core.values import ImageInfo, Item, Mask, Status, Usage

RESULT_SCHEMA = "uplook.result/1"
EVENT_SCHEMA = "uplook.result-event/1"
MAX_EVENT_CAPTION = MAX_EVENT_MESSAGE = 500
_WITHOUT_ERROR = frozenset({"ok", "empty"})


@dataclass(frozen=True, slots=True)
class ResultFile:
    """One file of a result: its full object name in the results bucket, its content type and its bytes."""

    name: str
    content_type: str
    data: bytes


@dataclass(frozen=True, slots=True)
class ByBatch:
    """What a batch job has brought of an answer's usage; `job` is the service's name of it."""

    usage: Usage
    job: str


def answered(
    event: ImageEvent,
    key: str,
    *,
    reply: JournalledReply,
    answer: Answer,
    reading: Reading,
    files: Sequence[ResultFile],
    mask_files: Mapping[int, str],
    soft_files: Mapping[int, str] | None = None,
    crop_files: Mapping[int, str] | None = None,
    counted_in: str | None = None,
    by_batch: ByBatch | None = None,
    reused_from: str | None = None,
    saved: Usage | None = None,
) -> dict[str, Any]:
    """Return the document of a result that a model answered.

    `mask_files` maps item index to file name; so do `soft_files` for maps of probabilities and `crop_files` for crops,
    if they are wanted. `counted_in` is the task whose document has the cost of an ask that both shared. `reused_from`
    is the id of the result that has the cost of an answer which another upload of the same content paid for, and
    `saved` what would have been used for it. `by_batch` is what of the answer's usage is billed at the price of a batch
    job.
    """
    served = answer.served_model
    document = _head(event, key, reading.status, reply.answered_at)
    document |= {
        "image": _image(reply.image),
        "model": {"requested": reply.model, "served": served, **_known("reused_from", reused_from)},
        "transport": _transport(reply.transport),
        "usage": {
            **_usage(reply, answer, by_batch),
            **_known("counted_in", counted_in),
            **({} if saved is None else {"saved_usd": _usd(reply, answer, saved)}),
        },
        "timing_ms": dict(reply.timing_ms),
    }
    if reading.caption is not None:
        document["caption"] = reading.caption
    if reading.items is not None:
        document["items"] = [
            _item(item, mask_files.get(item.index), _soft(item, soft_files)) | _cropped(item, crop_files)
            for item in reading.items
        ]
    if reading.classes is not None:
        document["classes"] = [asdict(one) for one in reading.classes]
    if event.settings.question is not None:
        document["question"] = event.settings.question
    if reading.answer is not None:
        document["answer"] = reading.answer
    if reply.asked is not None:
        document |= asked_document(reply.asked)
    document["files"] = [_file(file) for file in files]
    document["warnings"] = [*reply.image.warnings, *reading.warnings, *_about_model(event, reply, served)]
    document["error"] = None if reading.status in _WITHOUT_ERROR else _error(reading)
    return document


def _about_model(event: ImageEvent, reply: JournalledReply, served: str | None) -> Iterator[str]:
    """Yield warnings about which model was asked, how, and which one answered."""
    if reply.model != event.settings.model:
        yield f"{event.settings.model} does not answer any more: its successor {reply.model} was asked"
    if not profile(reply.model).known:
        yield f"{reply.model} is not in the model registry: it was asked like a model of today"
    if served and served != reply.model:
        yield f"the model that answered is {served}, not {reply.model}"
    if reply.without_schema:
        yield f"{reply.model} refuses the schema of this answer: it was asked without one"


def unanswered(
    event: ImageEvent,
    key: str,
    *,
    status: Status,
    code: ErrorCode,
    message: str,
    at: str,
    image: ImageInfo | None = None,
) -> dict[str, Any]:
    """Return the document of a result without an answer: refused input, a gone source, a lost cause."""
    document = _head(event, key, status, at)
    document |= {
        "image": _image(image) if image else None,
        "model": {"requested": event.settings.model, "served": None},
        "transport": None,
        "usage": None,
        "timing_ms": {},
        "files": [],
        "warnings": [],
        "error": {"code": code, "message": message},
    }
    return document


def result_event(document: Mapping[str, Any], *, uri: str) -> Message:
    """Return the event that tells of a committed document: a pointer, small whatever the result's size."""
    items = document.get("items") or []
    caption = document.get("caption")
    body = {
        "schema": EVENT_SCHEMA,
        "id": document["id"],
        "status": document["status"],
        "task": document["task"],
        "run": document["run"],
        "source": {key: document["source"][key] for key in ("bucket", "name", "generation")},
        "result": uri,
        "counts": {
            "items": len(items),
            "masks": sum(1 for item in items if (item.get("mask") or {}).get("status") == "ok"),
            "classes": len(document.get("classes") or []),
            "files": len(document["files"]),
            "warnings": len(document["warnings"]),
        },
        "caption": caption[:MAX_EVENT_CAPTION] if caption else None,
        "error": document["error"]["code"] if document["error"] else None,
    }
    if document["error"]:
        body["error_message"] = document["error"]["message"][:MAX_EVENT_MESSAGE]
    attributes = _attributes(document["task"], document["status"], document["source"]["bucket"], document["run"])
    return Message(jsontext.dump_compact(body), attributes)


def parked_event(event: ImageEvent, key: str, *, code: str, until: str) -> Message:
    """Return the event that tells of a parked image event: no result yet, and work goes on at `until`."""
    source = source_document(event.source)
    body = {
        "schema": EVENT_SCHEMA,
        "id": key,
        "status": "held",
        "task": event.task,
        "run": event.run,
        "source": {key: source[key] for key in ("bucket", "name", "generation")},
        "result": None,
        "counts": {"items": 0, "masks": 0, "files": 0, "warnings": 0},
        "caption": None,
        "error": code,
        "until": until,
    }
    return Message(jsontext.dump_compact(body), _attributes(event.task, "held", event.source.bucket, event.run))


def _attributes(task: str, status: str, bucket: str, run: str) -> dict[str, str]:
    return {"schema": EVENT_SCHEMA, "task": task, "status": status, "bucket": bucket, "run": run}


def _head(event: ImageEvent, key: str, status: Status, at: str) -> dict[str, Any]:
    head = {
        "schema": RESULT_SCHEMA,
        "id": key,
        "status": status,
        "task": event.task,
        "run": event.run,
        "created": at,
        "source": source_document(event.source),
    }
    # A failure keeps what was asked, so that a redrive asks the same: rules may have changed since.
    if status != "failed":
        return head
    shared = {"ask": ask_document(event)} if event.parts else {}
    return head | {"settings": settings_document(event.settings)} | shared


def _error(reading: Reading) -> dict[str, Any]:
    told = reading.reason or f"The result is {reading.status}; no reason is known."
    return {"code": ErrorCode(reading.status), "message": told}


def _image(info: ImageInfo) -> dict[str, Any]:
    return {
        "width": info.width,
        "height": info.height,
        "format": info.format,
        "mime_type": info.mime_type,
        "orientation": info.orientation,
        "frames": info.frames,
    }


def _transport(transport: Transport) -> dict[str, Any]:
    return {**asdict(transport), "changes": list(transport.changes)}


def asked_document(asked: Asked) -> dict[str, Any]:
    """Return the members of a document that a manifest adds or replaces."""
    return {
        "image": None,
        "transport": None,
        "question": asked.question,
        "images": [_sent_image(each) for each in asked.images],
    }


def _sent_image(each: SentImage) -> dict[str, Any]:
    return {
        "uri": each.uri,
        "generation": None if each.generation is None else str(each.generation),
        "crc32c": each.crc32c,
        "sha256": each.sha256,
        "width": each.image.width,
        "height": each.image.height,
        "format": each.image.format,
        "mime_type": each.image.mime_type,
        "orientation": each.image.orientation,
        "transport": _transport(each.transport),
    }


def _known(name: str, value: str | None) -> dict[str, str]:
    """Return a member that stands only where there is something to say."""
    return {} if value is None else {name: value}


def _usage(reply: JournalledReply, answer: Answer, by_batch: ByBatch | None) -> dict[str, Any]:
    usage = answer.usage
    cheaper = NOTHING_USED if by_batch is None else by_batch.usage
    return {
        "prompt_tokens": usage.prompt_tokens,
        "output_tokens": usage.output_tokens,
        "thought_tokens": usage.thought_tokens,
        "total_tokens": usage.total_tokens,
        # Nothing costs nothing, whatever its price is.
        "cost_usd": 0.0 if usage == NOTHING_USED else _usd(reply, answer, usage, by_batch=cheaper),
        **({} if by_batch is None else {"tier": "batch", "batch_job": by_batch.job}),
    }


def _usd(reply: JournalledReply, answer: Answer, usage: Usage, *, by_batch: Usage = NOTHING_USED) -> float | None:
    # The day of the answer, not of this replay: a redelivery after a price change writes the same document.
    day = dt.date.fromisoformat(reply.answered_at[:10])
    return cost_usd(billed(reply.model, answer.served_model), usage, day=day, by_batch=by_batch)


def _soft(item: Item, soft_files: Mapping[int, str] | None) -> dict[str, Any]:
    """What a mask says of its map of probabilities: nothing, unless such maps are wanted."""
    return {} if soft_files is None else {"soft_file": soft_files.get(item.index)}


def _cropped(item: Item, crop_files: Mapping[int, str] | None) -> dict[str, Any]:
    """What an item says of its crop: nothing, unless crops are wanted."""
    return {} if crop_files is None else {"crop_file": crop_files.get(item.index)}


def _item(item: Item, mask_file: str | None, soft: Mapping[str, Any]) -> dict[str, Any]:
    document: dict[str, Any] = {
        "index": item.index,
        "label": item.label,
        "status": item.status,
        "reason": item.reason,
        "box_2d": _list(item.box_2d),
        "box_px": _list(item.box_px),
        "box_px_stored": _list(item.box_px_stored),
    }
    if item.text is not None:
        document |= {"text": item.text, "language": item.language}
    if item.mask is not None:
        document["mask"] = {**_mask(item.mask, mask_file), **soft}
    if item.notes:
        document["notes"] = list(item.notes)
    return document


def _mask(mask: Mask, file: str | None) -> dict[str, Any]:
    return {
        "status": mask.status,
        "file": file,
        "source": mask.source,
        "area_px": mask.area_px if mask.status == "ok" else None,
        "reason": mask.reason,
        **({} if mask.fit is None else {"fit": mask.fit}),
    }


def _file(file: ResultFile) -> dict[str, Any]:
    return {
        "name": file.name,
        "content_type": file.content_type,
        "size": len(file.data),
        "crc32c": jsontext.crc32c(file.data),
    }


def _list(box: tuple[int, int, int, int] | None) -> list[int] | None:
    return None if box is None else list(box)
