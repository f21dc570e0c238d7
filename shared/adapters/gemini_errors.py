"""What each Gemini error means for us: one table, most specific first, and the server's own wish to wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shared.core.errors import (
    AlreadyExistsError,
    AwayError,
    ConfigurationError,
    DailyQuotaError,
    ErrorCode,
    FileUnavailableError,
    ModelRejectedError,
    PassingRefusalError,
    RefusedError,
    SchemaRefusedError,
    SizeRefusedError,
    ThrottledError,
    TransientError,
)
from shared.core.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.errors import UplookError

MAX_RETRY_AFTER_S = 600.0
"""A server's wish is honoured up to here: real answers have asked for 292 billion years."""

_BAD_REQUEST, _TOO_MANY_REQUESTS = 400, 429
_MAYBE_DONE = frozenset({*range(200, 400), 408, 499, 504})
_AWAY = frozenset({502, 503})
_CODES = {"RESOURCE_EXHAUSTED": 429, "UNAVAILABLE": 503, "ABORTED": 409, "DEADLINE_EXCEEDED": 504, "CANCELLED": 499}
"""What a status says that comes with a 400: of two that contradict each other, the passing one."""
_SECONDS = re.compile(r"(\d+(?:\.\d+)?)s")


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: which answers it fits, and what they mean. `says` None fits any message."""

    codes: tuple[int, ...]
    about: Literal["file", "model", "any"]
    says: str | None
    meaning: Callable[[str], UplookError]

    def fits(self, code: int, about: str, message: str) -> bool:
        return (
            code in self.codes
            and self.about in (about, "any")
            and (self.says is None or re.search(self.says, message, re.IGNORECASE) is not None)
        )


def _unreadable_bucket(text: str) -> ConfigurationError:
    return ConfigurationError(f"{text} Grant the worker's service account roles/storage.objectViewer on the bucket.")


def _passing(text: str) -> PassingRefusalError:
    return PassingRefusalError(ErrorCode.REQUEST_REFUSED, f"The model refuses this request. {text}")


def _too_large(text: str) -> SizeRefusedError:
    return SizeRefusedError(ErrorCode.TOO_MANY_BYTES, f"The model does not take so many bytes. {text}")


# Vertex's fetcher names what became of an address: `Status: URL_REJECTED-REJECTED_CLIENT_THROTTLED`, `URL_TIMEOUT-…`,
# `URL_ERROR-ERROR_NOT_FOUND`, `URL_ROBOTED-…`. That of a moment reads like that of a lasting state, so all may pass.
_FETCHER = r"\bURL_[A-Z]+|cannot fetch content|fail(?:ed)? to (?:fetch|download)|throttled|timed? ?out"
_RETRY = r"(?:please|and) (?:re)?try\b|try again|retry (?:later|or report)"
_TOO_LARGE = (
    r"payload size exceeds|size limit|too large|too big|larger than|exceeds? the (?:max|limit|allowed|size)|"
    r"(?:maximum|max) (?:\w+ )?size|size (?:\S+ )?exceed"
)

# The first row that fits decides. A wrong key, a missing permission and a model that is gone are the deployment's fault
# and never charged to the image: the event waits for a mended key or model id.
_TABLE = (
    _Row((409,), "file", None, AlreadyExistsError),
    # Vertex reads gs:// itself: an object that is gone is looked at once more, a bucket it may not read is our fault.
    _Row((400, 404), "model", r"(?:find|exist|no such).*gs://|gs://.*(?:not found|not exist)", FileUnavailableError),
    _Row((400, 403), "model", r"storage\.objects\.get|(?:permission|denied).*gs://|gs://.*denied", _unreadable_bucket),
    _Row((403, 404), "file", None, FileUnavailableError),
    _Row((403, 404), "model", r"\bfiles?\b", FileUnavailableError),
    _Row((400,), "any", r"not in an active state", lambda text: RefusedError(text, retry_after_s=2.0)),
    # Vertex in a new project, for some minutes, asked about a first gs:// image.
    _Row((400,), "model", r"service agents are being provisioned", lambda text: RefusedError(text, retry_after_s=60.0)),
    _Row((400,), "any", r"api[ _]key|location is not supported|billing", ConfigurationError),
    _Row((401, 403, 404), "any", None, ConfigurationError),
    _Row((400,), "model", _FETCHER, _passing),
    _Row(
        (400,),
        "model",
        rf"process input image.*(?:{_RETRY})",
        lambda text: PassingRefusalError(ErrorCode.IMAGE_REFUSED, f"The model cannot read this image. {text}"),
    ),
    _Row(
        (400,),
        "model",
        r"process input image|image is not valid|unsupported mime",
        lambda text: ModelRejectedError(ErrorCode.IMAGE_REFUSED, f"The model cannot read this image. {text}"),
    ),
    _Row((400,), "model", _RETRY, _passing),
    _Row((400,), "model", rf"(?!.*(?:tokens?\b|number of)).*(?:{_TOO_LARGE})", _too_large),
    _Row((413,), "any", None, _too_large),
    # Too many bounds in a schema, or bounds inside of bounds, are "an invalid argument" without the name of a field.
    _Row(
        (400,),
        "model",
        r"contains an invalid argument|schema|too many states",
        lambda text: SchemaRefusedError(ErrorCode.REQUEST_REFUSED, f"The model refuses this request. {text}"),
    ),
    _Row(
        (400,),
        "any",
        None,
        lambda text: ModelRejectedError(ErrorCode.REQUEST_REFUSED, f"The model refuses this request. {text}"),
    ),
)


def translate(
    *, code: int, message: str, details: Any, headers: Mapping[str, str], about: Literal["file", "model"], name: str
) -> UplookError:
    """Return our error for an HTTP error of the Gemini API; `name` is the file or the model it is about."""
    # It ends in logs and results, and may quote what it refuses. Cut afterwards: a piece is hard to recognise.
    text = f"Gemini answered {code} for {name}: {redact(message)[:500]}"
    code = _CODES.get(_status(details), code) if code == _BAD_REQUEST else code
    for row in _TABLE:
        if row.fits(code, about, message):
            return row.meaning(text)
    return _meaning(code, details)(text, retry_after_s=retry_after_s(details, headers))


def _meaning(code: int, details: Any) -> type[TransientError]:
    if code == _TOO_MANY_REQUESTS:
        return DailyQuotaError if _is_daily(details) else ThrottledError
    if code in _AWAY:
        return AwayError
    # A gateway's time-out, or a 2xx of another kind, says nothing of the model behind it: that answer may be billed.
    return TransientError if code in _MAYBE_DONE else RefusedError


def _is_daily(details: Any) -> bool:
    """Whether a `google.rpc.QuotaFailure` names a quota per day (`GenerateRequestsPerDayPerProjectPerModel`)."""
    for entry in _error_details(details):
        violations = entry.get("violations")
        for violation in violations if isinstance(violations, list) else ():
            quota = violation.get("quotaId") if isinstance(violation, dict) else None
            if isinstance(quota, str) and "perday" in quota.lower():
                return True
    return False


def retry_after_s(details: Any, headers: Mapping[str, str]) -> float | None:
    """Return how long the server asks to wait, in seconds and capped, or None.

    `google.rpc.RetryInfo` in the body (https://google.aip.dev/193) counts before a `Retry-After` header in
    seconds (RFC 9110 10.2.3).
    """
    for entry in _error_details(details):
        delay = entry.get("retryDelay")
        match = _SECONDS.fullmatch(delay) if isinstance(delay, str) else None
        if match:
            return min(float(match[1]), MAX_RETRY_AFTER_S)
    header = headers.get("retry-after") or headers.get("Retry-After") or ""
    return min(float(header), MAX_RETRY_AFTER_S) if header.isascii() and header.isdigit() else None


def _status(details: Any) -> str:
    error = details.get("error") if isinstance(details, dict) else None
    status = error.get("status") if isinstance(error, dict) else None
    return status if isinstance(status, str) else ""


def _error_details(details: Any) -> list[dict[str, Any]]:
    error = details.get("error") if isinstance(details, dict) else None
    entries = error.get("details") if isinstance(error, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
