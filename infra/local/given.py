"""Services that the environment gives the stack, looked at before anything starts: clients wait minutes for a dead one.

Such an environment is often that of an earlier stack, whose `stack.env` a shell still holds.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from google.api_core.exceptions import GoogleAPIError

from infra.local.process import ServiceError, listens
from shared.config import Reader

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PUBSUB, STORAGE, GEMINI = "PUBSUB_EMULATOR_HOST", "STORAGE_EMULATOR_HOST", "GOOGLE_GEMINI_BASE_URL"
_KEYS = ("GEMINI_API_KEY", "GOOGLE_API_KEY")
_ENTERPRISE = "GOOGLE_GENAI_USE_ENTERPRISE"
_LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
_PORTS = {"http": 80, "https": 443}


@dataclass(frozen=True, slots=True)
class Given:
    """What need not be started. `gemini` names the variables that say which Gemini is asked; `vertex`: yours."""

    pubsub: str | None
    storage: str | None
    gemini: tuple[str, ...]
    vertex: bool


def read(environ: Mapping[str, str]) -> Given:
    """Return what the environment gives, all of it within reach.

    Raises:
        ServiceError: a value makes no sense, or nothing listens at an address; it names every one of them.
    """
    reader = Reader(environ)
    vertex = reader.flag(_ENTERPRISE)
    names = [name for name in (*_KEYS, GEMINI) if reader.optional(name)] + [_ENTERPRISE] * vertex
    problems = [
        *reader.problems,
        *(problem for name in (PUBSUB, STORAGE, GEMINI) if (problem := _problem(name, reader))),
    ]
    if problems:
        raise ServiceError("\n".join(problems))
    return Given(reader.optional(PUBSUB), reader.optional(STORAGE), tuple(names), vertex)


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
