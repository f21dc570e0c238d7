"""Failed work gets another chance: image events go out again, and storage events that nobody could handle are handled.

No error document is deleted or overwritten: it stays, and what comes of the redrive is committed beside it. Until
then, redriving again publishes the same event, and the delivery protocol sees a duplicate.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from shared.core.errors import ErrorCode, NotFoundError, PermanentError
from shared.core.events.envelopes import batches, format_image_event, is_image_event, parse_image_event, parse_upload
from shared.core.planning import redrive
from shared.pipeline.concurrency import concurrently
from shared.pipeline.ingest import ingest
from shared.pipeline.job import today
from shared.pipeline.upkeep import dead_letter, vouching
from shared.pipeline.upkeep.forget import forget
from shared.pipeline.worker import lease

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from shared.core.events.envelopes import ImageEvent
    from shared.core.planning.rules import Rules
    from shared.core.ports import Message
    from shared.pipeline.ports import Ports

_READ = 100


@dataclass(frozen=True, slots=True)
class Redriven:
    """What became of one error document or dead letter. `left` says why it stays as it is; None: it was redriven.

    `reason` is what the document says of its failure.
    """

    place: str
    task: str
    code: str
    left: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class _Failure:
    seen: Redriven
    message: Message | None = None


def redrive_errors(
    names: Sequence[str], ports: Ports, *, takes: Callable[[str], bool] = bool, dry_run: bool = False
) -> Iterator[Redriven]:
    """Publish the image events of these error documents again whose error code it `takes`; yield what was done.

    Raises:
        TransientError: a service is away; what was not yielded was not redriven, or will be a duplicate.
    """
    for at in range(0, len(names), _READ):
        read = concurrently([partial(_failure, name, ports) for name in names[at : at + _READ]])
        failures = [each for each in read if takes(each.seen.code)]
        for batch in batches(failures, lambda each: each.message):
            messages = [each.message for each in batch if each.message is not None]
            if messages and not dry_run:
                ports.publisher.publish(ports.settings.image_topic, messages)
            yield from (each.seen for each in batch)


def redrive_dead_letter(name: str, ports: Ports, *, rules: Rules, dry_run: bool = False) -> Redriven:
    """Handle a kept event the way its function would have, then delete it; what is for no function is kept.

    It is a storage event, or an image event of a version that was unknown when it was kept.

    Raises:
        TransientError: it was not handled, and is kept.
    """
    bucket = ports.settings.work_bucket
    there = ports.store.stat(bucket, name)
    place, told = f"gs://{bucket}/{name}", there.metadata if there else {}
    task = ""
    try:
        data = ports.store.read(bucket, name, max_bytes=lease.MAX_DOCUMENT_BYTES)
        _require_kept_here(name, data)
        if is_image_event(data):
            return _redrive_image_event(name, data, ports, dry_run=dry_run)
        task = redrive.function_of(told.get(dead_letter.KIND, ""), subscription=told.get(dead_letter.SUBSCRIPTION, ""))
        upload = parse_upload(data)
    except NotFoundError:
        return Redriven(place, task, ErrorCode.DEAD_LETTER, "It is gone: another redrive was faster.")
    except PermanentError as error:
        return Redriven(place, task, error.code, error.message)
    if not dry_run:
        if task == redrive.FORGET:
            forget(upload, ports)
        else:
            service = ports.settings.service(today(ports))
            ingest(upload, rules=rules, settings=ports.settings, service=service, publisher=ports.publisher)
        ports.store.delete(bucket, name)
    return Redriven(place, task, ErrorCode.DEAD_LETTER)


def _require_kept_here(name: str, data: bytes) -> None:
    """Take no letter for one of ours that lies among those about another object."""
    folder = name[: name.rfind("/") + 1]
    belongs = dead_letter.folder_for(data)
    if folder not in {belongs, dead_letter.FOLDER}:  # older versions kept all of them in one folder
        raise PermanentError(
            ErrorCode.ELSEWHERE,
            f"`dead_letter` would have kept it below {belongs}: find out who wrote it, and delete it.",
        )


def _redrive_image_event(name: str, data: bytes, ports: Ports, *, dry_run: bool) -> Redriven:
    event = parse_image_event(data)
    if not dry_run:
        ports.publisher.publish(ports.settings.image_topic, [format_image_event(event)])
        ports.store.delete(ports.settings.work_bucket, name)
    return Redriven(f"gs://{ports.settings.work_bucket}/{name}", event.task, ErrorCode.DEAD_LETTER)


def _failure(name: str, ports: Ports) -> _Failure:
    bucket, prefix = ports.settings.results_bucket, ports.settings.results_prefix
    place, document = f"gs://{bucket}/{name}", dict[str, Any]()
    try:
        document = _read(name, ports)
        event = redrive.next_event(document, name, prefix=prefix)
        if ports.settings.results_among_uploads:
            _require_vouched(event, ports)
    except PermanentError as error:
        return _Failure(Redriven(place, _task(document), _code(document) or error.code, error.message))
    except NotFoundError:
        return _Failure(Redriven(place, "", ErrorCode.GONE, "It is gone: somebody removed it meanwhile."))
    told = Redriven(place, _task(document), _code(document), reason=_message(document))
    return _Failure(told, format_image_event(event))


def _require_vouched(event: ImageEvent, ports: Ports) -> None:
    """Where results lie among uploads, an uploader could write a failure that asks for whatever they like."""
    reason = vouching.why_unvouched(event, ports)
    if reason is not None:
        raise PermanentError(ErrorCode.FOREIGN_RESULT, f"Nothing shows that a worker wrote it: {reason}.")


def _read(name: str, ports: Ports) -> dict[str, Any]:
    data = ports.store.read(ports.settings.results_bucket, name, max_bytes=lease.MAX_DOCUMENT_BYTES)
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise PermanentError(ErrorCode.BAD_JSON, f"Expected a result document as JSON: {error}.") from error
    if not isinstance(document, dict):
        raise PermanentError(ErrorCode.BAD_JSON, f"Expected a result document, found {type(document).__name__}.")
    return document


def _task(document: dict[str, Any]) -> str:
    return str(document.get("task") or "")


def _code(document: dict[str, Any]) -> str:
    return _of_error(document, "code")


def _message(document: dict[str, Any]) -> str:
    return _of_error(document, "message")


def _of_error(document: dict[str, Any], key: str) -> str:
    error = document.get("error")
    return str(error.get(key) or "") if isinstance(error, dict) else ""
