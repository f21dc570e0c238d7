"""The rule at the edge: returning acknowledges, raising asks for the event again."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from flask import current_app, has_app_context, request
from werkzeug.exceptions import ServiceUnavailable

from functions import _shutdown
from shared import bootstrap, config, logs
from shared.core.errors import EventRejectedError, EventVersionError, SettingsError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from cloudevents.http import CloudEvent

    from shared.core.tracing import Tracer


def _start() -> None:
    """Refuse to start a misconfigured instance in the words that mend it, which a traceback would bury."""
    try:
        config.check_at_start()
    except SettingsError as error:
        raise SystemExit(str(error)) from None


def complete_pushes() -> None:
    """Have every request looked at before functions-framework does; it imports its functions in its own context."""
    if has_app_context():
        current_app.before_request(_fill_in)


def _fill_in() -> None:
    """Give a pushed message the `data` that Pub/Sub leaves out where it is empty.

    functions-framework takes a push without it for no push, and answers 400 for ever
    (https://github.com/GoogleCloudPlatform/functions-framework-nodejs/issues/782). It reads the very object that Flask
    has parsed and keeps.
    """
    body = request.get_json(silent=True)
    message = body.get("message") if isinstance(body, dict) and "subscription" in body else None
    if isinstance(message, dict) and "messageId" in message:
        message.setdefault("data", "")


_start()


@contextlib.contextmanager
def boundary(event: CloudEvent) -> Iterator[None]:
    """Answer 503 for what may succeed later, and acknowledge a malformed event: no redelivery can mend it.

    Everything else is a bug and passes through: 500, and after some deliveries the dead-letter function.
    """
    settings = bootstrap.settings()  # sets the logs up, too
    in_flight = bootstrap.in_flight()
    tracer = bootstrap.tracer()
    _shutdown.watch(in_flight, tracer.stop)
    delivery = tracer.delivery(event, request.headers.get, push=request.get_json(silent=True))
    with delivery, logs.context(event=event["id"], **_trace(tracer, settings.project)):
        try:
            if in_flight.stopping.is_set():
                raise TransientError("This instance is stopping.")  # noqa: TRY301 - the same answer as to any other
            yield
        except EventVersionError as error:
            # A newer version wrote it: the dead-letter function keeps it until a redrive after the upgrade.
            logs.error("an event of another version will be delivered again", reason=error.message)
            raise
        except EventRejectedError as error:
            logs.error("a malformed event is acknowledged and dropped", code=error.code, reason=error.message)
        except TransientError as error:
            logs.warning("the event will be delivered again", reason=str(error))
            raise ServiceUnavailable from error  # 503: as good as a crash to Pub/Sub, but none in the logs
        except Exception as error:
            logs.error("a bug: the event will be delivered again", exception=error)
            raise


def _trace(tracer: Tracer, project: str | None) -> dict[str, str]:
    """Return what joins log lines to the trace of this delivery, else to that of its request."""
    return logs.trace_fields(tracer.traceparent() or request.headers.get("traceparent"), project)
