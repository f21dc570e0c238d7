"""Asks until an answer comes or the refusal stands: again, another way, without the schema. Each step is free."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from shared import logs
from shared.core.delivery import refusals
from shared.core.delivery.refusals import Tried
from shared.core.delivery.retry import wait_before_retry
from shared.core.errors import FileUnavailableError, ModelRejectedError, SchemaRefusedError, TransientError
from shared.core.gemini.request import ReferencedImage
from shared.pipeline.job import remaining_s
from shared.pipeline.worker import send

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.delivery.refusals import Step
    from shared.pipeline.job import Job, WorkerPorts
    from shared.pipeline.worker.send import Attached

    _Refusal = FileUnavailableError | ModelRejectedError


@dataclass(slots=True)
class _Asking:
    """One question and what became of it so far; `attached` is how it travels at the moment."""

    job: Job
    ports: WorkerPorts
    attached: Attached
    tried: Tried = field(default_factory=Tried)
    refusal: SchemaRefusedError | None = None

    def answer(self, error: _Refusal) -> None:
        """Do something about a refusal, so that asking once more makes sense.

        Raises:
            ModelRejectedError: nothing is left to do.
            TransientError: nothing is left to do within this delivery.
        """
        request = self.attached.request
        by_reference = any(isinstance(part, ReferencedImage) for part in request.images)
        step = refusals.next_step(error, self.tried, by_reference=by_reference, has_schema=request.schema is not None)
        self.tried = self.tried.noting(step)
        match step:
            case "again":
                self._pause(error)
            case "anew":
                logs.warning("a file or an object is not available to Gemini: it travels anew", reason=str(error))
                self.attached = send.attach_again(self.job, self.attached, self.ports, refusal=str(error))
            case "another_way" | "inline":
                self._move(step, error)
            case "without_schema":
                logs.warning("the model may refuse the response schema: it is asked without one", reason=str(error))
                self.refusal = error if isinstance(error, SchemaRefusedError) else None
                self.attached = replace(self.attached, request=replace(request, schema=None))
            case "redeliver":
                tried = "after a fresh upload too" if self.tried.anew else "there is no other way at the moment"
                raise TransientError(f"{error} ({tried})") from error
            case "final":
                raise (self.refusal or error)  # what was refused without the schema, too, was not about the schema

    def _pause(self, error: _Refusal) -> None:
        wait_s = wait_before_retry(
            TransientError(str(error)),
            attempt=self.tried.repeats,
            remaining_s=remaining_s(self.job, self.ports),
            jitter=self.ports.jitter(),
        )
        if wait_s is None:
            raise TransientError(f"{error} (this delivery has no time for another try)") from error
        logs.warning("a refusal may pass: the model is asked again", reason=str(error), wait_s=round(wait_s, 2))
        self.ports.clock.sleep(wait_s)

    def _move(self, step: Step, error: _Refusal) -> None:
        moved = send.attach_elsewhere(
            self.job, self.attached, self.ports, refusal=str(error), inline_only=step == "inline"
        )
        if moved is None:
            self.tried = replace(self.tried, closed=True)
            self.answer(error)
            return
        logs.warning("a request was refused as it came: its images travel another way", reason=str(error))
        self.attached = moved


def insist(
    job: Job, attached: Attached, ports: WorkerPorts, ask: Callable[[Attached], Mapping[str, Any]], *, about: str
) -> tuple[Mapping[str, Any], Attached]:
    """Return the response, and how the images travelled; `about` says what is asked, for others of this instance.

    Raises:
        ModelRejectedError: the model refuses this request whatever we do.
        SourceGoneError: an object that the model could not find is gone indeed.
        TransientError: no answer within this delivery.
    """
    asking = _Asking(job, ports, attached)
    while True:
        try:
            response = ask(asking.attached)
            break
        except (FileUnavailableError, ModelRejectedError) as error:
            asking.answer(error)
    if asking.tried.without_schema:
        model = attached.request.model
        ports.refused_schemas.add(model, about)
        logs.warning("the model refuses the response schema: this instance asks without it", model=model)
    return response, asking.attached
