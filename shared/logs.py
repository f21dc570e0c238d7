"""Logs: one JSON object per line as Cloud Logging reads it, or short readable lines for a terminal.

No key, no token and no image bytes get into a line, whoever's message quotes them.
"""

from __future__ import annotations

import contextlib
import contextvars
import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any, Literal, TextIO

from shared.core.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator

_TRACE_FIELD = "logging.googleapis.com/trace"
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_LOGGER = logging.getLogger("uplook")
_context: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("uplook_log_context", default=None)


def set_up(log_format: Literal["json", "text"], *, stream: TextIO | None = None) -> None:
    """Send Uplook's own logs to stdout in this format; other libraries log warnings only, to stderr as ever."""
    handler = logging.StreamHandler(stream or sys.stdout)
    handler.setFormatter(_JsonFormatter() if log_format == "json" else _TextFormatter())
    _LOGGER.handlers = [handler]
    _LOGGER.propagate = False
    _LOGGER.setLevel(logging.INFO)
    # One line per HTTP request, with the URL, is too much and says too much.
    logging.getLogger("httpx2").setLevel(logging.WARNING)


def info(message: str, **fields: Any) -> None:
    """Log what happened."""
    _LOGGER.info(message, extra={"fields": fields})


def warning(message: str, **fields: Any) -> None:
    """Log what somebody should look at some day."""
    _LOGGER.warning(message, extra={"fields": fields})


def error(message: str, *, exception: BaseException | None = None, **fields: Any) -> None:
    """Log what somebody should look at now, with the traceback where there is one."""
    _LOGGER.error(message, extra={"fields": fields}, exc_info=exception)


def trace_fields(traceparent: str | None, project: str | None) -> dict[str, str]:
    """Return the field by which Cloud Logging joins lines to a trace, from a W3C `traceparent` header.

    https://www.w3.org/TR/trace-context/#traceparent-header and
    https://cloud.google.com/trace/docs/trace-log-integration.

    >>> trace_fields("00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "p")
    {'logging.googleapis.com/trace': 'projects/p/traces/0af7651916cd43dd8448eb211c80319c'}
    """
    match = _TRACEPARENT.fullmatch(traceparent or "")
    return {_TRACE_FIELD: f"projects/{project}/traces/{match[1]}"} if match and project else {}


def as_entry(record: logging.LogRecord) -> dict[str, Any]:
    """Return a record of Uplook's own logs as Cloud Logging has it: message, severity and fields."""
    entry: dict[str, Any] = json.loads(_JsonFormatter().format(record))
    return entry


@contextlib.contextmanager
def context(**fields: Any) -> Iterator[None]:
    """Add these fields to every log line inside the block (of this thread)."""
    token = _context.set({**(_context.get() or {}), **fields})
    try:
        yield
    finally:
        _context.reset(token)


class _JsonFormatter(logging.Formatter):
    """https://cloud.google.com/logging/docs/structured-logging: `severity`, `message` and our own fields."""

    def format(self, record: logging.LogRecord) -> str:
        # Twice: first for their place in the line, last so that no field of that name replaces them.
        own = {"severity": record.levelname, "message": redact(record.getMessage())}
        entry = {**own, **_fields(record), **own}
        if record.exc_info:
            entry["stack_trace"] = redact(self.formatException(record.exc_info))
        # ASCII escapes: a line stays a line whatever an object is called.
        return json.dumps(entry, default=str)


class _TextFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        fields = " ".join(f"{key}={json.dumps(value, default=str)}" for key, value in _fields(record).items())
        level = "" if record.levelno <= logging.INFO else f"{record.levelname} "
        text = f"{level}{redact(record.getMessage())} {fields}".rstrip()
        if record.exc_info:
            text = f"{text}\n{redact(self.formatException(record.exc_info))}"
        # An exception may quote half a surrogate pair, which no terminal can be sent.
        return text.encode(errors="backslashreplace").decode()


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields = {**(_context.get() or {}), **getattr(record, "fields", {})}
    # A trace id within its project's name may be as long as a secret.
    return {key: value if key == _TRACE_FIELD else _redacted(value) for key, value in fields.items()}


def _redacted(value: Any) -> Any:
    if isinstance(value, str):
        return redact(value)
    return (
        value if value is None or isinstance(value, int | float) else json.loads(redact(json.dumps(value, default=str)))
    )
