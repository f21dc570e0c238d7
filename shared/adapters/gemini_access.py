"""How Gemini is reached: with a key, or on Vertex as the service account that we run as."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from shared.adapters.total_timeout import event_hooks
from shared.core.errors import ConfigurationError

if TYPE_CHECKING:
    from google.auth.credentials import Credentials
    from google.genai import Client

_KEEPALIVE_S = 300.0  # the SDK's default of 5 s costs a TLS handshake per event on a quiet day
_REGISTER_SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    "https://www.googleapis.com/auth/devstorage.read_only",
)


@dataclass(frozen=True, slots=True)
class ByKey:
    """The Gemini Developer API."""

    api_key: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class OnVertex:
    """Vertex (Gemini Enterprise Agent Platform): there is no key."""

    project: str
    location: str


class LazyClient:
    """A client that is made at its first call, and kept: who has nothing to ask waits for no import.

    Its `models` alone would be closed with it.
    """

    def __init__(self, access: ByKey | OnVertex, *, base_url: str | None, connections: int) -> None:
        self._open = partial(open_client, access, base_url=base_url, connections=connections)
        self._lock = threading.Lock()
        self._made: Client | None = None

    def __call__(self) -> Client:
        """Return the client."""
        with self._lock:
            if self._made is None:
                self._made = self._open()
            return self._made


def open_client(access: ByKey | OnVertex, *, base_url: str | None, connections: int) -> Client:
    """Return a client whose calls are made `within` a time-out; `base_url` replaces the service's own address."""
    import httpx2
    from google import genai
    from google.genai import types

    limits = httpx2.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=_KEEPALIVE_S
    )
    client_args = {"limits": limits, "event_hooks": event_hooks()}
    options = types.HttpOptions(base_url=base_url, client_args=client_args)
    # The back end is said outright: where the environment alone chooses it, the SDK mixes up its base URLs.
    if isinstance(access, ByKey):
        return genai.Client(enterprise=False, api_key=access.api_key, http_options=options)
    return genai.Client(
        enterprise=True,
        project=access.project,
        location=access.location,
        credentials=_stand_in() if _in_the_clear(base_url) else None,
        http_options=options,
    )


def storage_reader(base_url: str | None) -> Credentials:
    """Return credentials that show that we may read a bucket.

    Raises:
        ConfigurationError: there are none.
    """
    if _in_the_clear(base_url):
        return _stand_in()
    import google.auth
    from google.auth.exceptions import GoogleAuthError

    try:
        credentials, _ = google.auth.default(scopes=_REGISTER_SCOPES)
    except GoogleAuthError as error:
        raise ConfigurationError(f"REGISTER_FILES needs Google credentials: {error}") from error
    return credentials


def _in_the_clear(base_url: str | None) -> bool:
    """Whether requests travel unencrypted: an emulator, which checks nothing, and nobody else must see a token."""
    return (base_url or "").startswith("http://")


def _stand_in() -> Credentials:
    from google.oauth2.credentials import Credentials

    return Credentials(token="local")  # type: ignore[no-untyped-call]  # noqa: S106 - worth nothing
