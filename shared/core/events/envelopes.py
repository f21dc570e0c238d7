"""Events in and out: storage CloudEvents, image events and Pub/Sub push bodies as typed values."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, TypeVar

from shared.core import json_fields, jsontext
from shared.core.errors import ErrorCode, EventRejectedError, EventVersionError
from shared.core.naming import MAX_REDRIVE, is_bucket_name, is_object_name, is_run_name, is_task_name
from shared.core.ports import Message
from shared.core.values import MAX_MASK_THRESHOLD, MAX_TEMPERATURE, Source, TaskSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence


IMAGE_SCHEMA = "uplook.image/1"
JOINT_SCHEMA = "uplook.image/1.1"
"""Of events with several tasks. Whoever knows version 1 alone would do the first one, and lose the others unseen."""

BATCH_LANE = "batch"
"""The lane of asks that may wait for a batch job, at half the price."""

MAX_BATCH_BYTES = 8_000_000
"""Most data to publish at once: Pub/Sub refuses a request over 10,000,000 bytes, attributes and all."""

_DECIMAL = re.compile(r"[0-9]{1,19}")
_Item = TypeVar("_Item")

# Left out where they say nothing: events of before they existed, and their keys, stay what they were.
_UNSAID: Mapping[str, Any] = {
    "multi_label": False,
    "system_instruction": None,
    "media_resolution": None,
    "safety": {},
    "max_items_set": False,
    "mask_threshold": 127,
    "soft_masks": False,
    "crops": False,
    "temperature": None,
}


@dataclass(frozen=True, slots=True)
class Upload:
    """One finalized object, with the custom metadata its uploader gave it.

    `uploaded_at` is when this generation was created (`timeCreated`), in RFC 3339; None where the event does not say.
    """

    source: Source
    metadata: Mapping[str, str] = field(default_factory=dict)
    uploaded_at: str | None = None


@dataclass(frozen=True, slots=True)
class AskPart:
    """One of the tasks that share an ask, with settings of its own."""

    task: str
    settings: TaskSettings


@dataclass(frozen=True, slots=True)
class ImageEvent:
    """One ask about one image generation: all a worker needs. `redrive` counts deliberate second chances.

    `parts` are all tasks of an ask with several, the leading one first; of an ask with one it is empty. `task` and
    `settings` are those of the leading task; in the view of another task (`views`) they are its own. `lane` is
    BATCH_LANE where the answer may wait for a batch job; `uploaded_at` (RFC 3339) is known of an upload that was told
    of as it came, and measures how long its results took. Neither is a part of what is asked, nor of its key.
    """

    source: Source
    task: str
    settings: TaskSettings
    run: str
    redrive: int = 0
    parts: tuple[AskPart, ...] = ()
    lane: str | None = None
    uploaded_at: str | None = None

    @property
    def tasks(self) -> tuple[str, ...]:
        """The names of all tasks, the leading one first."""
        return tuple([part.task for part in self.parts]) if self.parts else (self.task,)

    def views(self) -> tuple[ImageEvent, ...]:
        """Return this event as each of its tasks sees it."""
        return tuple(map(self._view, self.parts)) or (self,)

    def _view(self, part: AskPart) -> ImageEvent:
        # Not `replace`, which takes five times as long: a backfill looks at ten thousand of these in a second.
        return ImageEvent(
            self.source,
            part.task,
            part.settings,
            self.run,
            self.redrive,
            self.parts,
            lane=self.lane,
            uploaded_at=self.uploaded_at,
        )

    def alone(self) -> ImageEvent:
        """Return the event of this task as if it were asked alone."""
        return replace(self, parts=())

    def only(self, tasks: Collection[str]) -> ImageEvent:
        """Return this event with no others than these of its tasks, of which it has at least one."""
        parts = tuple([part for part in self.parts if part.task in tasks])
        if len(parts) == len(self.parts):
            return self
        return replace(self._view(parts[0]), parts=parts if len(parts) > 1 else ())


def parse_upload(data: Any) -> Upload:
    """Read the data of a storage CloudEvent (the object resource; bytes where no JSON type was declared).

    Raises:
        EventRejectedError: it is not an object resource.
    """
    resource = _as_object(data, "a storage object resource")
    metadata = resource.get("metadata")
    texts = metadata if isinstance(metadata, dict) else {}
    return Upload(
        _source(resource),
        {key: value for key, value in texts.items() if json_fields.is_text(key) and json_fields.is_text(value)},
        json_fields.optional_time(resource, "timeCreated"),
    )


def source_named(data: bytes) -> Source | None:
    """Return which object a storage event, or an image event of any version, is about; None if it does not say."""
    try:
        document = _as_object(data, "an event")
        named = document.get("source")
        return _source(named if isinstance(named, dict) else document)
    except EventRejectedError:
        return None


def format_image_event(event: ImageEvent) -> Message:
    """Return the image event as a message (`uplook.image/1`; `uplook.image/1.1` with several tasks)."""
    schema = JOINT_SCHEMA if event.parts else IMAGE_SCHEMA
    leading, *others = ask_document(event)
    document = {
        "schema": schema,
        "source": source_document(event.source),
        **leading,
        **({"with": others} if others else {}),
        "run": event.run,
        "redrive": event.redrive,
        **({"lane": event.lane} if event.lane else {}),
        **({"uploaded_at": event.uploaded_at} if event.uploaded_at else {}),
    }
    attributes = {
        "schema": schema,
        "task": leading["task"],
        "bucket": event.source.bucket,
        "run": event.run,
    }
    return Message(jsontext.dump_compact(document), attributes)


def ask_document(event: ImageEvent) -> list[dict[str, Any]]:
    """Return what is asked as JSON: every task with its settings, the leading one first."""
    return [{"task": each.task, "settings": settings_document(each.settings)} for each in event.views()]


def parse_image_event(data: bytes) -> ImageEvent:
    """Read an image event; unknown fields are ignored (a newer minor version may add some).

    Raises:
        EventVersionError: it is of another version.
        EventRejectedError: it is malformed.
    """
    document = _as_object(data, "an image event")
    schema = document.get("schema")
    if schema not in (IMAGE_SCHEMA, JOINT_SCHEMA):  # a tuple: what is found may have no hash
        told = f"Expected an event of {IMAGE_SCHEMA} or {JOINT_SCHEMA}, found {json_fields.shown(schema)}."
        if _is_ours(schema):
            raise EventVersionError(ErrorCode.UNKNOWN_SCHEMA, told)
        raise EventRejectedError(ErrorCode.MALFORMED_EVENT, told)
    source = document.get("source")
    if not isinstance(source, dict):
        raise json_fields.malformed("source", "an object", source)
    leading = _part(document)
    return ImageEvent(
        source=_source(source),
        task=leading.task,
        settings=leading.settings,
        run=json_fields.name(document, "run", is_run_name, "1-32 of a-z 0-9 . _ -"),
        redrive=_redrive(document.get("redrive", 0)),
        parts=_parts(leading, document.get("with")),
        # One of another name is a later version's: whoever does not know it asks at once.
        lane=BATCH_LANE if document.get("lane") == BATCH_LANE else None,
        uploaded_at=json_fields.optional_time(document, "uploaded_at"),
    )


def batches(
    items: Iterable[_Item], message_of: Callable[[_Item], Message | None], *, max_bytes: int = MAX_BATCH_BYTES
) -> Iterator[Sequence[_Item]]:
    """Cut items, in their order, into what one request can publish; an item without a message weighs nothing."""
    batch, size = list[_Item](), 0
    for item in items:
        message = message_of(item)
        weight = len(message.data) if message is not None else 0
        if batch and size + weight > max_bytes:
            yield batch
            batch, size = [], 0
        batch.append(item)
        size += weight
    if batch:
        yield batch


def is_image_event(data: bytes) -> bool:
    """Whether this is an image event at all, of whatever version.

    Raises:
        EventRejectedError: it is not even a JSON object.
    """
    return _is_ours(_as_object(data, "an event").get("schema"))


def pubsub_message(data: Any) -> Message:
    """Return the message inside a Pub/Sub CloudEvent (`{"message": {"data": base64, "attributes": {…}}}`).

    Pub/Sub leaves out what is empty: a message without `data` has none, and one without `attributes` has none of those.

    Raises:
        EventRejectedError: it is not a Pub/Sub message.
    """
    message = _as_object(data, "a Pub/Sub push body").get("message")
    if not isinstance(message, dict) or not isinstance(message.get("data", ""), str):
        raise json_fields.malformed("message.data", "base64 text", message)
    try:
        payload = base64.b64decode(message.get("data", ""), validate=True)
    except (binascii.Error, ValueError) as error:
        raise EventRejectedError(ErrorCode.BAD_BASE64, f"message.data is not base64: {error}.") from error
    attributes = message.get("attributes")
    texts = attributes.items() if isinstance(attributes, dict) else ()
    return Message(payload, {key: value for key, value in texts if isinstance(value, str)})


def _is_ours(schema: Any) -> bool:
    return isinstance(schema, str) and schema.startswith(IMAGE_SCHEMA.partition("/")[0] + "/")


def source_document(source: Source) -> dict[str, Any]:
    """Return a source as JSON; the generation is text, as Cloud Storage writes it (it exceeds 2**53)."""
    return {**asdict(source), "generation": str(source.generation)}


def _source(value: Mapping[str, Any]) -> Source:
    generation = _whole_number(value.get("generation"))
    if not generation:
        raise json_fields.malformed("generation", "a whole number above 0", value.get("generation"))
    return Source(
        bucket=json_fields.name(value, "bucket", is_bucket_name, "the name of a bucket"),
        name=json_fields.name(value, "name", is_object_name, "1-1024 bytes without line breaks, not . or .."),
        generation=generation,
        size=_whole_number(value.get("size")),
        content_type=json_fields.optional_text(value, "contentType")
        or json_fields.optional_text(value, "content_type"),
        crc32c=json_fields.optional_text(value, "crc32c"),
    )


def _part(value: Any) -> AskPart:
    if not isinstance(value, dict):
        raise json_fields.malformed("with", "a list of objects", value)
    task = json_fields.name(value, "task", is_task_name, "the name of a task")
    return AskPart(task, parse_settings(value.get("settings")))


def _parts(leading: AskPart, others: Any) -> tuple[AskPart, ...]:
    """Read the other tasks of an ask; none where the leading one is alone."""
    if others is None:
        return ()
    if not isinstance(others, list) or not others:
        raise json_fields.malformed("with", "a list of objects", others)
    parts = (leading, *map(_part, others))
    if len({part.task for part in parts}) < len(parts):
        raise json_fields.malformed("with", "each task once", [part.task for part in parts])
    return parts


def _redrive(value: Any) -> int:
    # Never taken for a first delivery: its error document would hide behind the first one's.
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= MAX_REDRIVE:
        raise json_fields.malformed("redrive", f"a whole number from 0 to {MAX_REDRIVE}", value)
    return value


def _whole_number(value: Any) -> int | None:
    """Return a 64-bit number written as Cloud Storage does, in decimal text, or as JSON; None for all else."""
    if isinstance(value, str) and _DECIMAL.fullmatch(value):
        value = int(value)
    whole = isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= json_fields.MAX_WHOLE_NUMBER
    return value if whole else None


def _as_object(data: Any, what: str) -> dict[str, Any]:
    if isinstance(data, bytes | str):
        try:
            data = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise EventRejectedError(ErrorCode.BAD_JSON, f"Expected {what} as JSON: {error}.") from error
    if not isinstance(data, dict):
        raise EventRejectedError(ErrorCode.MALFORMED_EVENT, f"Expected {what}, found {type(data).__name__}.")
    return data


def settings_document(settings: TaskSettings) -> dict[str, Any]:
    """Return resolved settings as JSON."""
    document = {**asdict(settings), "labels": list(settings.labels), "safety": dict(settings.safety)}
    return {key: value for key, value in document.items() if key not in _UNSAID or value != _UNSAID[key]}


def parse_settings(value: Any) -> TaskSettings:
    """Read resolved settings.

    Raises:
        EventRejectedError: they are malformed.
    """
    if not isinstance(value, dict):
        raise json_fields.malformed("settings", "an object", value)
    return TaskSettings(
        model=json_fields.text(value, "model"),
        prompt=json_fields.text(value, "prompt"),
        thinking=json_fields.text(value, "thinking"),
        max_items=json_fields.count(value, "max_items"),
        max_bytes=json_fields.count(value, "max_bytes"),
        labels=_labels(value.get("labels")),
        question=json_fields.optional_text(value, "question"),
        language=json_fields.optional_text(value, "language"),
        multi_label=_flag(value, "multi_label"),
        system_instruction=json_fields.optional_text(value, "system_instruction"),
        media_resolution=json_fields.optional_text(value, "media_resolution"),
        safety=_safety(value.get("safety")),
        max_items_set=_flag(value, "max_items_set"),
        mask_threshold=_threshold(value.get("mask_threshold")),
        soft_masks=_flag(value, "soft_masks"),
        crops=_flag(value, "crops"),
        temperature=_temperature(value.get("temperature")),
    )


def _labels(found: Any) -> tuple[str, ...]:
    labels = [] if found is None else found
    if not isinstance(labels, list) or not all(json_fields.is_text(label) for label in labels):
        raise json_fields.malformed("settings.labels", "a list of texts", labels)
    return tuple(labels)


def _flag(value: Mapping[str, Any], key: str) -> bool:
    found = value.get(key)
    if found is not None and not isinstance(found, bool):
        raise json_fields.malformed(f"settings.{key}", "true or false", found)
    return bool(found)


def _threshold(found: Any) -> int:
    threshold = _UNSAID["mask_threshold"] if found is None else found
    if not isinstance(threshold, int) or isinstance(threshold, bool) or not 0 <= threshold <= MAX_MASK_THRESHOLD:
        raise json_fields.malformed("settings.mask_threshold", f"a whole number from 0 to {MAX_MASK_THRESHOLD}", found)
    return threshold


def _temperature(found: Any) -> float | None:
    if found is None:
        return None
    fine = isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= MAX_TEMPERATURE
    if not fine:
        raise json_fields.malformed("settings.temperature", f"a number from 0 to {MAX_TEMPERATURE}", found)
    return float(found)


def _safety(found: Any) -> tuple[tuple[str, str], ...]:
    table = {} if found is None else found
    if not isinstance(table, dict) or not all(json_fields.is_text(word) for pair in table.items() for word in pair):
        raise json_fields.malformed("settings.safety", "an object of texts", found)
    return tuple(sorted(table.items()))
