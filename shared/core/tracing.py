"""Where the time of an event went: the port by which steps become spans, and what stands in for it while it is off.

Spans hold names of ours, ids and numbers: never an object's name, a prompt, an answer, a key or the text of an error.
"""

from __future__ import annotations

import functools
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Final, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Attributes = Mapping[str, str | int | float | bool | Sequence[str]]

_P = ParamSpec("_P")
_T = TypeVar("_T")
_NOTHING: Final = nullcontext()


class Tracer(Protocol):
    """Spans of one trace. Nothing here raises, and nothing waits for whoever takes the spans, but `stop`."""

    def delivery(self, event: Any, header: Callable[[str], str | None], *, push: Any) -> AbstractContextManager[None]:
        """Open the span of a delivery, which goes on with the trace that its message names, or else its request.

        `event` is a CloudEvent: its attributes by name, and `data`. `header` returns one of the request, `push` is its
        body: functions-framework leaves out what Pub/Sub says beside the message.
        """

    def span(self, name: str) -> AbstractContextManager[None]:
        """Open the span of a step; one that failed before, within the same span, is linked to its retry."""

    def note(self, attributes: Attributes) -> None:
        """Add attributes to the span that is open."""

    def traceparent(self) -> str | None:
        """Return the span of this delivery as a W3C `traceparent`, None outside of one."""

    def link(self, traceparent: str | None) -> None:
        """Link the span of this delivery to an earlier one of the same work."""

    def stop(self, *, timeout_s: float) -> None:
        """Send what is left, and wait for it no longer than this; later spans are dropped."""


class NoTraces:
    """The `Tracer` of a deployment that wants none: it does nothing, in no time."""

    def delivery(self, event: Any, header: Callable[[str], str | None], *, push: Any) -> AbstractContextManager[None]:  # noqa: ARG002, D102
        return _NOTHING

    def span(self, name: str) -> AbstractContextManager[None]:  # noqa: ARG002, D102
        return _NOTHING

    def note(self, attributes: Attributes) -> None:  # noqa: D102
        pass

    def traceparent(self) -> str | None:  # noqa: D102
        return None

    def link(self, traceparent: str | None) -> None:  # noqa: D102
        pass

    def stop(self, *, timeout_s: float) -> None:  # noqa: D102
        pass


NO_TRACES: Final[Tracer] = NoTraces()


class _Traced(Protocol):
    @property
    def tracer(self) -> Tracer: ...


def step(name: str) -> Callable[[Callable[_P, _T]], Callable[_P, _T]]:
    """Make a span of every call of a function that has a positional parameter `ports`, given by its place."""

    def decorated(function: Callable[_P, _T]) -> Callable[_P, _T]:
        names = function.__code__.co_varnames[: function.__code__.co_argcount]
        if "ports" not in names:
            raise TypeError(f"{function.__name__}: expected a positional parameter `ports`, found {', '.join(names)}.")
        place = names.index("ports")

        @functools.wraps(function)
        def run(*args: _P.args, **kwargs: _P.kwargs) -> _T:
            ports: _Traced = args[place]  # type: ignore[assignment] # by its name
            if ports.tracer is NO_TRACES:
                return function(*args, **kwargs)
            with ports.tracer.span(name):
                return function(*args, **kwargs)

        return run

    return decorated
