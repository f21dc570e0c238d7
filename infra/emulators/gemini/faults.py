"""Faults on demand: which kinds there are, on which operations, and what each does to an answer."""

from __future__ import annotations

import asyncio
import contextlib
import fnmatch
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..common.faults import Fault, FaultError, Plan
from .errors import ApiError, daily_quota, plain
from .tokens import CHARACTERS_PER_TOKEN, text_tokens

if TYPE_CHECKING:
    from starlette.requests import Request

    from .answerer import Answer

GENERATING = ("models.generateContent", "models.streamGenerateContent")
SHOWING = ("files.finalize", "files.get")
LINE = "batches.line"
BATCH = "batches.create"
OPERATIONS = (
    *GENERATING,
    "models.countTokens",
    "models.list",
    "models.get",
    "files.start",
    "files.chunk",
    "files.query",
    *SHOWING,
    "files.list",
    "files.delete",
    "files.download",
    "files.register",
    BATCH,
    "batches.get",
    "batches.list",
    "batches.cancel",
    "batches.delete",
    LINE,
)

KINDS = {
    "latency": "waits `seconds`, then goes on as usual",
    "hold": "waits until its rule is removed, `seconds` at most, then goes on as usual",
    "status": "refuses with HTTP `status`; `seconds` above 0 go into RetryInfo and Retry-After, a text `body` is the "
    "message, any other `body` is sent as it is",
    "quota": "refuses with the 429 of a used-up daily quota (QuotaFailure); `seconds` as for status",
    "reset": "drops the connection: before anything is done, or with `bytes` after as many bytes of the answer",
    "lost": "does what was asked, then drops the connection without a byte of answer",
    "truncate": "sends the first `bytes` bytes of the answer (0: half of it) and closes",
    "drip": "sends the answer `bytes` bytes at a time (0: one), with `seconds` between them",
    "empty": "does what was asked and answers 200 without a body",
    "html": "does what was asked and answers 200 with an HTML page",
    "blocked": "answers without candidates; the text `body` is the blockReason (SAFETY)",
    "finish": "ends the answer with the finishReason in the text `body` (MAX_TOKENS) and its first `bytes` characters",
    "model": "names the text `body` as the modelVersion that served",
    "loop": "answers, after `seconds`, with a mask whose base64 repeats up to `bytes` characters (262144)",
    "processing": "the file is PROCESSING from now on",
    "failed": "the file is FAILED from now on",
    "expired": "the file is shown once more, then it is gone: 403",
    "ends": "the batch ends in the state of the text `body` (EXPIRED), with the answers of its first `bytes` lines",
    "reordered": "the batch's answers are in the opposite order",
    "missing": "the line is not done, and is not among the batch's answers",
    "doubled": "the line is twice among the batch's answers",
}
ON_THE_WIRE = frozenset({"reset", "lost", "truncate", "drip", "empty", "html"})
REFUSING = frozenset({"status", "quota"})
IN_THE_ANSWER = frozenset({"blocked", "finish", "model", "loop"})
ON_A_FILE = frozenset({"processing", "failed", "expired"})
ON_A_BATCH = frozenset({"ends", "reordered"})
ON_A_LINE = frozenset({"missing", "doubled"})
END_STATES = ("SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED", "PARTIALLY_SUCCEEDED")
LOOP_CHARACTERS = 262_144
LOOP_START = '[{"box_2d": [100, 100, 900, 900], "label": "thing", "mask": "data:image/png;base64,iVBORw0KGgoAAAA'


class DroppedError(Exception):
    """A fault drops this connection before anything is done."""


@dataclass(slots=True)
class TransportFault:
    """What the middleware is to do to one answer; it travels in the request's scope."""

    fault: Fault | None = None


class FaultPlan(Plan):
    """A plan that refuses rules which could hit a request the fault means nothing to."""

    def __init__(self) -> None:
        super().__init__(KINDS)
        self._removal = asyncio.Event()

    async def wait_for_removal(self, fault: Fault, timeout_s: float) -> None:
        """Wait until this very rule is removed, or for so long."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                while self.plans(fault):
                    await self._removal.wait()

    def remove(self, rule_id: int) -> None:
        """Forget one rule, if it is there; whoever it holds goes on."""
        super().remove(rule_id)
        self._wake()

    def clear(self) -> None:
        """Forget every rule; whoever one of them holds goes on."""
        super().clear()
        self._wake()

    def _wake(self) -> None:
        removal, self._removal = self._removal, asyncio.Event()
        removal.set()

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id; `*` stands for every operation the kind is for."""
        narrowed = fault
        if fault.kind in IN_THE_ANSWER and fault.operation == "*":
            narrowed = replace(fault, operation="models.*Content")
        if fault.kind in ON_A_FILE and fault.operation == "*":
            narrowed = replace(fault, operation="files.finalize")
        if fault.kind in ON_A_BATCH | ON_A_LINE and fault.operation == "*":
            narrowed = replace(fault, operation=BATCH if fault.kind in ON_A_BATCH else LINE)
        if fault.kind in KINDS:
            _check(narrowed)
        return super().add(narrowed)


class FaultInjector:
    """What every operation asks whether a planned fault hits it."""

    def __init__(self, plan: FaultPlan) -> None:
        self._plan = plan

    async def inject(self, request: Request, operation: str, subject: str) -> Fault | None:
        """Take the fault that hits a request and do what can be done now; return it for the rest.

        Raises:
            ApiError: the fault refuses.
            DroppedError: the fault drops the connection.
        """
        fault = self._plan.take(operation, subject)
        if fault is None:
            return None
        if fault.kind in REFUSING or dropped_first(fault):
            # An answer before the body was read reaches the client as a broken connection.
            async for _ in request.stream():
                pass
        if fault.kind in ON_THE_WIRE:
            request.scope["transport_fault"].fault = fault
        return await self._apply(fault, subject)

    async def inject_line(self, model: str, key: str) -> Fault | None:
        """Do the same for one line of a batch; without a connection of its own it fails instead of dropping it.

        Raises:
            ApiError: the fault refuses.
        """
        fault = self._plan.take(LINE, key or model)
        if fault and fault.kind in ON_THE_WIRE:
            raise plain(503, "The connection to the model was lost.")
        return await self._apply(fault, model) if fault else None

    async def _apply(self, fault: Fault, subject: str) -> Fault:
        if fault.kind in {"latency", "loop"}:
            await asyncio.sleep(fault.seconds)
        if fault.kind == "hold":
            await self._plan.wait_for_removal(fault, fault.seconds)
        if fault.kind in REFUSING:
            raise refusal(fault, subject)
        if dropped_first(fault):
            raise DroppedError
        return fault


def dropped_first(fault: Fault) -> bool:
    """Whether the connection is dropped before anything is done."""
    return fault.kind == "reset" and fault.bytes == 0


def refusal(fault: Fault, subject: str) -> ApiError:
    """Return the error of a refusing fault."""
    if fault.kind == "quota":
        return daily_quota(subject, fault.seconds)
    message = fault.body if isinstance(fault.body, str) else f"Planned fault: {fault.status}."
    error = plain(fault.status, message, retry_s=fault.seconds)
    error.document = None if isinstance(fault.body, str) else fault.body
    return error


def altered(answer: Answer, fault: Fault | None) -> Answer:
    """Return the answer as a fault changes it."""
    if fault is None or fault.kind not in IN_THE_ANSWER:
        return answer
    if fault.kind == "blocked":
        usage = replace(answer.usage, thoughts=0, answer=0)
        return replace(answer, text="", thought="", block_reason=fault.body or "SAFETY", usage=usage)
    if fault.kind == "model":
        return replace(answer, served_by=fault.body)
    if fault.kind == "finish":
        return _ended(answer, answer.text[: fault.bytes], fault.body or "MAX_TOKENS")
    return _ended(answer, _looping(fault.bytes or LOOP_CHARACTERS), "MAX_TOKENS")


def _ended(answer: Answer, text: str, reason: str) -> Answer:
    return replace(answer, text=text, finish_reason=reason, usage=replace(answer.usage, answer=text_tokens(text)))


def _looping(length: int) -> str:
    pattern = "4+Pj" * CHARACTERS_PER_TOKEN
    return (LOOP_START + pattern * (length // len(pattern) + 1))[:length]


def _check(fault: Fault) -> None:
    matched = fnmatch.filter(OPERATIONS, fault.operation)
    if not matched:
        raise FaultError(f"operation: expected a pattern over {', '.join(OPERATIONS)}, found {fault.operation!r}")
    able = _able(fault.kind)
    unable = [name for name in matched if name not in able]
    if unable:
        raise FaultError(
            f"operation: {fault.kind} works on {', '.join(able)}, but {fault.operation!r} fits {unable[0]}"
        )
    if fault.kind == "status" and not 400 <= fault.status <= 599:  # noqa: PLR2004 - HTTP
        raise FaultError(f"status: expected 400 to 599, found {fault.status}")
    if fault.kind in IN_THE_ANSWER and not isinstance(fault.body, str | None):
        raise FaultError(f"body: {fault.kind} expects a text, found {fault.body!r}")
    if fault.kind == "model" and not fault.body:
        raise FaultError("body: model expects the name that is to be served")
    if fault.kind == "ends" and fault.body not in {None, *END_STATES}:
        raise FaultError(f"body: ends expects one of {', '.join(END_STATES)}, found {fault.body!r}")


def _able(kind: str) -> tuple[str, ...]:
    if kind in IN_THE_ANSWER:
        return (*GENERATING, LINE)
    if kind in ON_A_BATCH | ON_A_LINE:
        return (BATCH,) if kind in ON_A_BATCH else (LINE,)
    return SHOWING if kind in ON_A_FILE else OPERATIONS
