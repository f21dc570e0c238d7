"""What each error of the Cloud Storage client means for us: one table of refusals, most specific first."""

from __future__ import annotations

import json
import re
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.adapters.auth_errors import translate_auth
from shared.core.errors import ChangedError, ConfigurationError, NotFoundError, ObjectRefusedError, TransientError
from shared.core.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_MAX_WORDS = 500
_JSON = re.compile(r"\{.*\}", re.DOTALL)
_ADDRESS = re.compile(r"\A\d+ [A-Z]+ \S+: ")  # holds the object's name: what an uploader writes is no refusal


@dataclass(frozen=True, slots=True)
class _Row:
    """One line of the table: which refusals it fits, and what they mean."""

    codes: tuple[int, ...]
    says: str
    meaning: Callable[[str], TransientError]


def _unusable(advice: str) -> Callable[[str], ObjectRefusedError]:
    return lambda text: ObjectRefusedError(f"{text} {advice}")


# The first row that fits decides, of reasons (`reason` in the body) and words. What fits none may pass.
# https://cloud.google.com/storage/docs/json_api/v1/status-codes
_TABLE = (
    _Row((403, 429), r"rateLimitExceeded|quotaExceeded|slow ?down|reduce your (?:request )?rate", TransientError),
    _Row(
        (400, 403),
        r"customer-supplied encryption key|CustomerEncryptionKey",
        _unusable("Upload it without a customer-supplied key, or encrypt it with Cloud KMS."),
    ),
    _Row(
        (400, 403, 412),
        r"Cloud ?KMS|cryptoKey|\bkms[A-Z]\w+",
        _unusable("Enable the Cloud KMS key, and let Cloud Storage's service agent use it."),
    ),
    _Row(
        (400, 403),
        r"requester[ -]pays|userProjectMissing|user project (?:specified|provided)",
        _unusable("Let the bucket's owner pay for its readers (requester pays off)."),
    ),
    _Row((403,), r"", ConfigurationError),
)


@contextmanager
def mapped(where: str, *, precondition: type[Exception] = ChangedError, writes: bool = False) -> Iterator[None]:
    """Translate the client's errors; `precondition` is what a 412 or 404 means here.

    A write finds nothing where the bucket itself is missing: that is the deployment's fault.
    """
    import requests
    from google.api_core import exceptions as api
    from google.auth import exceptions as auth
    from google.cloud.exceptions import NotFound
    from google.cloud.storage.exceptions import DataCorruption

    try:
        yield
    except NotFound as error:
        if writes:
            raise ConfigurationError(f"Cloud Storage, {where}: {_words_of(error)}") from error
        raise NotFoundError(f"{where} does not exist.") from error
    except api.GoogleAPICallError as error:
        raise _refusal_of(error, where, precondition) from error
    except auth.GoogleAuthError as error:
        raise translate_auth(error) from error
    except (api.GoogleAPIError, requests.RequestException, DataCorruption) as error:
        raise TransientError(f"Cloud Storage, {where}: {error}") from error


def _refusal_of(error: Any, where: str, precondition: type[Exception]) -> Exception:
    """Return our error for a `GoogleAPICallError`."""
    text, code = f"Cloud Storage, {where}: {_words_of(error)}", int(error.code or 0)
    said = f"{_words_of(error)} {' '.join(_reasons(error))}"
    for row in _TABLE:
        if code in row.codes and re.search(row.says, said, re.IGNORECASE):
            return row.meaning(text)
    if code == 412:  # noqa: PLR2004 - Precondition Failed
        return precondition(f"{where}: the precondition does not hold.")
    return TransientError(text)


def _words_of(error: Any) -> str:
    """Return what the service itself says, which the client buries in the JSON body behind method and address."""
    message = _body(error).get("message")
    return redact(message if isinstance(message, str) else _ADDRESS.sub("", str(error)))[:_MAX_WORDS]


def _reasons(error: Any) -> list[str]:
    entries = _body(error).get("errors")
    return [str(each.get("reason")) for each in entries or () if isinstance(each, dict)]


def _body(error: Any) -> dict[str, Any]:
    found = _JSON.search(str(error))
    try:
        body = json.loads(found[0]) if found else None
    except (ValueError, RecursionError):
        body = None
    told = body.get("error") if isinstance(body, dict) else None
    return told if isinstance(told, dict) else {"errors": error.errors}
