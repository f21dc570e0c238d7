"""What each Gemini error means for us: one table, most specific first, and the server's own wish to wait."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from shared.core.errors import AlreadyExistsError, FileUnavailableError, ModelRejectedError, TransientError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from shared.core.errors import UplookError

MAX_RETRY_AFTER_S = 600.0
"""A server's wish is honoured up to here: real answers have asked for 292 billion years."""

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


# The first row that fits decides. 401, 403 and 404 of a model are the deployment's fault and never charged to the
# image: they are transient (no row), so that a mended key or model id finds the event still waiting.
_TABLE = (
    _Row((409,), "file", None, AlreadyExistsError),
    _Row((403, 404), "file", None, FileUnavailableError),
    _Row((403, 404), "model", r"\bfiles?\b", FileUnavailableError),
    _Row((400,), "any", r"not in an active state", lambda text: TransientError(text, retry_after_s=2.0)),
    _Row((400,), "any", r"api[ _]key|location is not supported|billing", TransientError),
    _Row(
        (400,),
        "model",
        r"process input image|image is not valid|unsupported mime",
        lambda text: ModelRejectedError("image_refused", f"The model cannot read this image. {text}"),
    ),
    _Row(
        (400, 413),
        "any",
        None,
        lambda text: ModelRejectedError("request_refused", f"The model refuses this request. {text}"),
    ),
)


def translate(
    *, code: int, message: str, details: Any, headers: Mapping[str, str], about: Literal["file", "model"], name: str
) -> UplookError:
    """Return our error for an HTTP error of the Gemini API; `name` is the file or the model it is about."""
    text = f"Gemini answered {code} for {name}: {message[:500]}"
    for row in _TABLE:
        if row.fits(code, about, message):
            return row.meaning(text)
    return TransientError(text, retry_after_s=retry_after_s(details, headers))


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


def _error_details(details: Any) -> list[dict[str, Any]]:
    error = details.get("error") if isinstance(details, dict) else None
    entries = error.get("details") if isinstance(error, dict) else None
    return [entry for entry in entries if isinstance(entry, dict)] if isinstance(entries, list) else []
