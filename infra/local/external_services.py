"""What the environment gives the stack, looked at before anything starts: services to use, and keys to leave alone.

A key in the environment never makes a call cost money: Gemini itself is asked only where that was asked for, and the
variables that lead to it are kept from every part otherwise. A shell often still holds the `stack.env` of an earlier
stack: what it says is recognised, and not taken for something that somebody set.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from google.api_core.exceptions import GoogleAPIError

from infra.local import endpoints
from infra.local.endpoints import LOCAL_KEY
from infra.local.process import ServiceError, listens, proxies
from shared.config import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBSUB, STORAGE, GEMINI = "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "GOOGLE_GEMINI_BASE_URL"
_KEYS = ("GOOGLE_API_KEY", "GEMINI_API_KEY")  # the SDK's own order: the first wins
_ENTERPRISE = "GOOGLE_GENAI_USE_ENTERPRISE"
_PROJECT, _LOCATION = "GOOGLE_CLOUD_PROJECT", "GOOGLE_CLOUD_LOCATION"
TO_GEMINI = (*_KEYS, GEMINI, _ENTERPRISE, "GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_VERTEX_BASE_URL")
"""Every variable by which the Gemini SDK is led to a service that may cost money."""

_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PORTS = {"http": 80, "https": 443}
_DEVELOPER_HOST = "generativelanguage.googleapis.com"
_HOW = "GEMINI=real (--gemini real)"


@dataclass(frozen=True, slots=True)
class Gemini:
    """The Gemini that is asked instead of the emulator: by a key (named, not held), or as a project of Vertex AI."""

    key_name: str | None
    base_url: str | None = None
    project: str | None = None
    location: str = "global"

    @property
    def vertex(self) -> bool:
        """Whether it is Vertex AI."""
        return self.key_name is None

    @property
    def words(self) -> str:
        """Where images go, and who pays: for people.

        >>> Gemini("GEMINI_API_KEY").words
        'the Gemini API at generativelanguage.googleapis.com, with the key in GEMINI_API_KEY'
        >>> Gemini(None, project="my-project").words
        'Vertex AI (location global), in the project my-project'
        """
        at = f" at {urlsplit(self.base_url).netloc}" if self.base_url else ""
        if self.vertex:
            return f"Vertex AI{at} (location {self.location}), in the project {self.project}"
        return f"the Gemini API{at or f' at {_DEVELOPER_HOST}'}, with the key in {self.key_name}"

    @property
    def identity(self) -> str:
        """Who answers, as far as an earlier answer would have been the same."""
        return f"{'vertex' if self.vertex else 'developer'} {self.base_url or ''}".strip()


@dataclass(frozen=True, slots=True)
class ExternalServices:
    """What need not be started, the environment for the stack's parts, and what a person should know of both."""

    pubsub: str | None = None
    storage: str | None = None
    gemini: Gemini | None = None
    environ: Mapping[str, str] = field(default_factory=dict, repr=False)
    notes: tuple[str, ...] = ()


def read(environ: Mapping[str, str], *, real: bool = False) -> ExternalServices:
    """Return what the environment gives, all of it within reach; `real` asks Gemini itself.

    Raises:
        ServiceError: a value makes no sense, or nothing listens at an address, or nothing says which Gemini is real;
            it names all of them.
    """
    stale = endpoints.stale(environ) | {name for name in _KEYS if environ.get(name, "").strip() == LOCAL_KEY}
    kept = {name: value for name, value in environ.items() if name not in stale | {endpoints.MARKER}}
    notes = ["an earlier stack's stack.env is in this environment: its addresses are not used"] if stale else []
    if not real:
        unused = [name for name in TO_GEMINI if kept.pop(name, "").strip()]
        if unused:
            notes.append(f"{' and '.join(unused)}: set, and not used. {_HOW} asks Gemini itself")
    reader = Reader(kept)
    gemini = _gemini(reader) if real else None
    named = proxies(kept)
    # Where the environment names a SOCKS proxy, no client of Gemini can be made, not even one that asks this machine.
    if not _asks_away(reader, gemini):
        kept, named = {name: value for name, value in kept.items() if name not in named}, {}
    problems = [
        *reader.problems,
        *(_no_socks(name) for name, value in named.items() if value.strip().lower().startswith("socks")),
        *(problem for name in (PUBSUB, STORAGE, GEMINI) if (problem := _problem(name, reader))),
    ]
    if problems:
        raise ServiceError("\n".join(problems))
    return ExternalServices(reader.optional(PUBSUB), reader.optional(STORAGE), gemini, kept, tuple(notes))


def _asks_away(reader: Reader, gemini: Gemini | None) -> bool:
    """Whether some part of the stack asks a service outside this machine."""
    asked = [address for name in (PUBSUB, STORAGE) if (address := reader.optional(name))]
    if gemini:
        asked.append((None if gemini.vertex else gemini.base_url) or _DEVELOPER_HOST)
    places = [_place(address) for address in asked]
    return any(place is None or place[0] not in _LOOPBACK for place in places)


def _no_socks(name: str) -> str:
    return (
        f"{name}: expected an HTTP proxy, such as http://host:port, found a SOCKS one, which the Gemini client cannot"
        f" use here: set HTTPS_PROXY to an HTTP proxy and unset {name}"
    )


def _gemini(reader: Reader) -> Gemini | None:
    enterprise, base_url = reader.flag(_ENTERPRISE), reader.optional(GEMINI)
    key_name = next((name for name in _KEYS if reader.optional(name)), None)
    project = reader.optional(_PROJECT)
    if enterprise and project is None:
        reader.problems.append(f"{_PROJECT} is not set: Vertex AI ({_ENTERPRISE}) needs a project, which pays.")
    if not enterprise and key_name is None:
        reader.problems.append(
            f"{_HOW} needs a key of yours in GEMINI_API_KEY, or {_ENTERPRISE}=true with {_PROJECT}; found neither."
        )
    if enterprise:
        return Gemini(None, base_url, project, reader.optional(_LOCATION) or "global")
    return Gemini(key_name, base_url)


@contextlib.contextmanager
def answering(name: str, address: str | None) -> Iterator[None]:
    """Blame the address that a variable gave, if it did, for what a client cannot do inside the block.

    Raises:
        ServiceError: who listens there does not answer as such a service does.
    """
    try:
        yield
    except (GoogleAPIError, requests.RequestException) as error:
        if address is None:
            raise
        told = str(error).splitlines()[0][:200]
        raise ServiceError(
            f"{address} ({name}) answers like no such service ({told}): unset it, or correct it"
        ) from error


def _problem(name: str, reader: Reader) -> str | None:
    address = reader.optional(name)
    if address is None:
        return None
    if (name == PUBSUB) == ("://" in address):
        wanted = "host:port, without http://" if name == PUBSUB else "http://host:port"
        return f"{name}: expected {wanted}, found {address!r}"
    place = _place(address)
    if place is None:
        return f"{name}: expected a host and a port, found {address!r}"
    if name == GEMINI and place[0] not in _LOOPBACK:
        return None  # a proxy may lead there
    return None if listens(*place) else f"nothing listens at {address} ({name}): unset it, or start it"


def _place(address: str) -> tuple[str, int] | None:
    try:
        parts = urlsplit(address if "://" in address else f"//{address}")
        port = parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return None
    return (parts.hostname, port) if parts.hostname and port else None
