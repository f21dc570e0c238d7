"""What happened so far, for tests and for people: counts, and the last ten thousand calls."""

from __future__ import annotations

import contextlib
from collections import Counter, deque
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from .errors import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from starlette.requests import Request

    from .recorded_replies import Replies

MAX_CALLS = 10_000


@dataclass(frozen=True, slots=True)
class SeenImage:
    """One image of a call; `transport` is "inline", "file" or "gs"."""

    transport: str
    sha256: str
    mime_type: str
    bytes: int


@dataclass(slots=True)
class Call:
    """One generateContent call, filled in as it proceeds: `status` of the reply (HTTP), `fault` that befell it."""

    model: str
    task: str | None = None
    images: list[SeenImage] = field(default_factory=list)
    status: int = 200
    fault: str | None = None

    def document(self) -> dict[str, Any]:
        """Return it as JSON."""
        return asdict(self) | {"transport": [image.transport for image in self.images]}


class CallLog:
    """Counts since the start or the last reset.

    A line of a batch is a call, too: `lines` says how many were answered, `failed_lines` how many refused, or left out.
    """

    def __init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.uploads = 0
        self.deletes = 0
        self.lines = self.failed_lines = 0
        self._models: Counter[str] = Counter()
        self._calls: deque[Call] = deque(maxlen=MAX_CALLS)

    @contextlib.contextmanager
    def call(self, model: str) -> Iterator[Call]:
        """Record one call; how the block ends becomes its status."""
        call = Call(model, status=499)  # what stays if the client hangs up
        try:
            yield call
            call.status = 200
        except ApiError as error:
            call.status = error.code
            raise
        finally:
            self._models[model] += 1
            self._calls.append(call)

    @contextlib.contextmanager
    def line(self, model: str) -> Iterator[Call]:
        """Record one line of a batch in the same way."""
        done = False
        try:
            with self.call(model) as call:
                yield call
                done = call.fault != "missing"
        finally:
            self.lines += done
            self.failed_lines += not done

    def document(self) -> dict[str, Any]:
        """Return it all as JSON."""
        return {
            "total": self._models.total(),
            "lines": self.lines,
            "failed_lines": self.failed_lines,
            "by_model": dict(self._models),
            "uploads": self.uploads,
            "deletes": self.deletes,
            "calls": [call.document() for call in self._calls],
        }


class ControlApi:
    """The endpoints under `/_control/`, which the real service has none of."""

    def __init__(self, log: CallLog, replies: Replies) -> None:
        self._log = log
        self._replies = replies

    async def replies(self, request: Request) -> Response:
        """Add a recorded reply (POST), forget those that were added (DELETE), or list them and the cases (GET)."""
        if request.method == "DELETE":
            self._replies.clear()
            return Response(status_code=204)
        if request.method == "POST":
            try:
                self._replies.add(await request.json())
            except ValueError as error:
                return JSONResponse({"error": str(error)}, 400)
        return JSONResponse(self._replies.document())

    async def calls(self, _: Request) -> Response:
        """Answer GET calls."""
        return JSONResponse(self._log.document())

    async def reset(self, _: Request) -> Response:
        """Answer POST reset."""
        self._log.reset()
        return JSONResponse({})
