"""One call of the SDK: bounded in time, and whatever it ends in translated."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

from shared.adapters.auth_errors import translate_auth
from shared.adapters.gemini_errors import translate
from shared.adapters.total_timeout import within
from shared.core.errors import AwayError, TransientError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from google.genai import errors, types

    from shared.core.errors import UplookError


def http_options(timeout_s: float, *, version: str | None = None) -> types.HttpOptions:
    """Return the options of one call; the SDK wants whole milliseconds."""
    from google.genai import types

    return types.HttpOptions(timeout=max(1, int(timeout_s * 1000)), api_version=version)


@contextmanager
def called(about: Literal["file", "model"], name: str, timeout_s: float) -> Iterator[None]:
    """Bound one call of the SDK, which alone belongs in here, and translate what it ends in."""
    import httpx2
    from google.auth import exceptions as auth
    from google.genai import errors

    with within(timeout_s) as call:
        try:
            yield
        except errors.APIError as error:
            raise _refusal(error, about, name) from error
        except (httpx2.ConnectError, httpx2.ConnectTimeout) as error:
            raise AwayError(f"Gemini could not be reached: {type(error).__name__}.") from error  # and was sent nothing
        except httpx2.HTTPError as error:
            # The type alone: a URL or header may hold a key.
            raise TransientError(f"Gemini could not be reached: {type(error).__name__}.") from error
        except auth.GoogleAuthError as error:
            raise translate_auth(error) from error
        except Exception as error:
            if not call.answered:
                raise  # a flaw of ours, which no further attempt mends
            # The SDK trusts the service: over an answer that is not as documented it stumbles in every way there is.
            raise TransientError(f"Gemini's answer cannot be read: {type(error).__name__}.") from error


def _refusal(error: errors.APIError, about: Literal["file", "model"], name: str) -> UplookError:
    return translate(
        code=error.code,
        message=str(error.message or ""),  # whatever JSON came in its place
        details=error.details,
        headers=getattr(error.response, "headers", None) or {},
        about=about,
        name=name,
    )
