"""What an error of google-auth means for us, for every client that it signs the requests of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.core.errors import AwayError, ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.auth.exceptions import GoogleAuthError

    from shared.core.errors import RefusedError

_PASSING = frozenset({408, 429, *range(500, 600)})


def translate_auth(error: GoogleAuthError) -> RefusedError:
    """Return our error: no request was sent, so nothing happened.

    The metadata server may be away for a moment, which google-auth calls a `RefreshError` that is not to be tried again
    (googleapis/google-auth-library-python#1562): what counts is whether its cause is the way there. Credentials that
    somebody has looked at and refused are the deployment's fault.
    """
    from google.auth import exceptions as auth

    name = type(error).__name__
    reached = [each for each in _chain(error) if isinstance(each, auth.TransportError)]
    refused = isinstance(error, auth.DefaultCredentialsError | auth.RefreshError) and not error.retryable
    if refused and (not reached or any(_was_refused(each) for each in reached)):
        return ConfigurationError(f"Google's credentials do not work: {name}.")
    return AwayError(f"Google's credentials could not be renewed: {name}.")


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        yield error
        error = error.__cause__ or error.__context__


def _was_refused(error: BaseException) -> bool:
    """Whether the metadata server answered, and said no: `TransportError(text, response)`."""
    status = next((found for each in error.args if isinstance(found := getattr(each, "status", None), int)), None)
    return status is not None and status not in _PASSING
