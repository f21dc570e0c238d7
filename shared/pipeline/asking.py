"""Step 4: carry the image to the model, ask once, and journal the raw reply before anything reads it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeVar

from shared import logs
from shared.core import journal, jsontext, transport
from shared.core.answer import is_answer
from shared.core.errors import AlreadyExistsError, FileUnavailableError, NotFoundError, TransientError
from shared.core.journal import Carried, JournalledReply
from shared.core.registry import profile
from shared.core.request import InlineImage, ModelRequest, ReferencedImage
from shared.core.retrying import RESERVE_S, wait_before_retry
from shared.core.tasks import TASKS
from shared.pipeline import files
from shared.pipeline.images import ready_for_model
from shared.pipeline.leases import ATTEMPT
from shared.pipeline.work import remaining_s

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.model import Prepared
    from shared.core.request import ImagePart
    from shared.core.transport import Route
    from shared.pipeline.images import Image
    from shared.pipeline.work import Job, Ports

_MAX_REPLY_BYTES = 64_000_000
_FIRST_ASK = 0
_T = TypeVar("_T")


def journalled(job: Job, ports: Ports) -> JournalledReply | None:
    """Return the reply that an earlier attempt paid for, if there is one."""
    name = job.paths.reply(_FIRST_ASK)
    try:
        return journal.parse_reply(ports.store.read(ports.settings.work_bucket, name, max_bytes=_MAX_REPLY_BYTES))
    except NotFoundError:
        return None


def ask(job: Job, image: Image, ports: Ports, *, download_ms: int) -> JournalledReply:
    """Ask the model about an image and return the journalled reply: ours, or that of whoever was faster.

    Raises:
        ModelRejectedError: the model refuses this request whatever we do.
        TransientError: no answer within this delivery.
    """
    watch = _Watch(ports, {"download": download_ms})
    prepared = ready_for_model(job, image, ports)
    watch.lap("prepare")
    request = _request(job)
    route = _route(request, prepared, ports)
    part, reused = _part(job, route, prepared, ports)
    watch.lap("transport")
    response = _generate(job, _with_image(request, part), prepared, ports)
    watch.lap("model")
    reply = JournalledReply(
        attempt=job.attempt,
        model=request.model,
        answered_at=ports.clock.now_iso(),
        image=image.info,
        transport=Carried(route.kind, prepared.mime_type, len(prepared.data), reused, route.reason, prepared.changes),
        timing_ms=watch.laps_ms,
        response=response,
    )
    return _journal(job, reply, ports)


class _Watch:
    """Whole milliseconds between laps, by step."""

    def __init__(self, ports: Ports, laps_ms: dict[str, int]) -> None:
        self._ports = ports
        self._last_s = ports.clock.monotonic_s()
        self.laps_ms = laps_ms

    def lap(self, step: str) -> None:
        now_s = self._ports.clock.monotonic_s()
        self.laps_ms[step] = round((now_s - self._last_s) * 1000)
        self._last_s = now_s


def _request(job: Job) -> ModelRequest:
    """Return the request but for its image."""
    settings, task = job.event.settings, TASKS[job.event.task]
    model = profile(settings.model)
    by_level = model.thinking == "level"
    return ModelRequest(
        model=settings.model,
        prompt=settings.prompt,
        images=(),
        max_output_tokens=task.max_output_tokens,
        schema=task.schema(model, settings),
        thinking_level=model.level(settings.thinking) if by_level else None,
        # Thinking off gives better boxes and masks on 2.5 (image-understanding guide of 2025).
        thinking_budget=None if by_level else 0,
    )


def _route(request: ModelRequest, prepared: Prepared, ports: Ports) -> Route:
    text_bytes = len(request.prompt.encode()) + len(jsontext.dump_compact(request.schema))
    back_end = transport.developer(ports.settings.inline_limit_bytes)
    return transport.choose(back_end, image_bytes=len(prepared.data), text_bytes=text_bytes)


def _part(job: Job, route: Route, prepared: Prepared, ports: Ports) -> tuple[ImagePart, bool]:
    if route.kind == "inline":
        return InlineImage(prepared.data, prepared.mime_type), False
    file, reused = files.ensure(job, prepared, ports)
    return ReferencedImage(file.uri, file.mime_type), reused


def _generate(job: Job, request: ModelRequest, prepared: Prepared, ports: Ports) -> Mapping[str, Any]:
    """Ask, and once more with a fresh upload where the file had expired between upload and call."""
    try:
        return _with_retries(job, ports, lambda: _call(job, request, ports))
    except FileUnavailableError:
        logs.warning("the uploaded file is not available any more: it is uploaded again")
    file = files.upload_again(job, prepared, ports)
    fresh = _with_image(request, ReferencedImage(file.uri, file.mime_type))
    try:
        return _with_retries(job, ports, lambda: _call(job, fresh, ports))
    except FileUnavailableError as error:
        raise TransientError(f"{error} (after a fresh upload too)") from error


def _with_image(request: ModelRequest, part: ImagePart) -> ModelRequest:
    return replace(request, images=(part,))


def _call(job: Job, request: ModelRequest, ports: Ports) -> Mapping[str, Any]:
    left_s = remaining_s(job, ports)
    if left_s < min(RESERVE_S, ports.settings.timeout_s / 2):
        # It would be paid for, and nobody would be there to take the answer.
        raise TransientError(f"{left_s:.1f} s of this delivery are left: too little for a model call.")
    response = ports.model.generate(request, timeout_s=left_s)
    if not is_answer(response):
        raise TransientError("Gemini answered 200 without candidates: a broken answer, not an empty one.")
    return response


def _with_retries(job: Job, ports: Ports, call: Callable[[], _T]) -> _T:
    attempt = 0
    while True:
        attempt += 1
        try:
            return call()
        except TransientError as error:
            left_s = remaining_s(job, ports)
            wait_s = wait_before_retry(error, attempt=attempt, remaining_s=left_s, jitter=ports.jitter())
            if wait_s is None:
                raise
            logs.warning("a call failed and is tried again", reason=str(error), wait_s=round(wait_s, 2))
            ports.clock.sleep(wait_s)


def _journal(job: Job, reply: JournalledReply, ports: Ports) -> JournalledReply:
    try:
        entry = journal.format_reply(reply)
    except RecursionError as error:
        raise TransientError("Gemini's answer is nested too deeply to be kept.") from error
    # Its answer is paid for: a store that is away for a moment must not cost a second one.
    return _with_retries(job, ports, lambda: _keep(job, reply, entry, ports))


def _keep(job: Job, reply: JournalledReply, entry: bytes, ports: Ports) -> JournalledReply:
    try:
        ports.store.create(
            ports.settings.work_bucket,
            job.paths.reply(_FIRST_ASK),
            entry,
            content_type="application/json",
            metadata={ATTEMPT: job.attempt},
        )
    except AlreadyExistsError:
        stored = journalled(job, ports)
        if stored is None:
            raise TransientError("The journalled reply vanished while it was read.") from None
        if stored.attempt != reply.attempt:
            logs.warning("another attempt's reply was journalled first: this one is dropped", key=job.key)
        return stored
    return reply
