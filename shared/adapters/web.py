"""Images from the web, for addresses that nobody vouches for: only to where they may lead, and only so much of it.

Every hop is judged anew: its address by the operator's origins, then every IP address that its name resolves to. The
connection goes to the very address that was judged (a name that resolves differently the next moment gains nothing),
while TLS and the Host header keep the name. One deadline covers all of it, the look-up of the names included.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
import time
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urljoin

from shared.adapters.web_answers import BrokenAnswerError, Exchange, location, promised_bytes
from shared.core.errors import ErrorCode, ImageRejectedError, TransientError
from shared.core.weburls import Target, is_public, shown_url, target

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

MAX_REDIRECTS = 3
_CONNECT_TIMEOUT_S = 10.0
_MAX_ADDRESSES = 4
_OK = 200
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_PASSING = frozenset({408, 425, 429})


def addresses_of(host: str, port: int) -> Sequence[str]:
    """Return the IP addresses of a name, by the system's resolver."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return tuple(dict.fromkeys(str(address[0]) for _, _, _, _, address in found))


@dataclass(frozen=True, slots=True)
class _Redirect:
    url: str


class WebImages:
    """The `ImageFetcher` port over HTTP, past every proxy; `resolver` and `tls` are for tests."""

    def __init__(
        self,
        *,
        origins: Collection[str],
        resolver: Callable[[str, int], Sequence[str]] = addresses_of,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._origins = origins
        self._resolve = resolver
        self._given_tls = tls

    @cached_property
    def _tls(self) -> ssl.SSLContext:
        # Made at the first fetch: every worker has one of these, few fetch, and reading all certificates takes 30 ms.
        return self._given_tls or ssl.create_default_context()

    def fetch(self, url: str, *, max_bytes: int, timeout_s: float) -> bytes:
        """Return what lies at an address; its declared type is nobody's word.

        Raises:
            ImageRejectedError: it must not be fetched, is too large, or the server refuses it.
            TransientError: it may be there later.
        """
        deadline_s = time.monotonic() + timeout_s
        hop: str = url
        for _ in range(1 + MAX_REDIRECTS):
            answered = self._hop(hop, max_bytes=max_bytes, deadline_s=deadline_s)
            if isinstance(answered, bytes):
                return answered
            hop = answered.url
        raise _refused(url, f"it redirects more than {MAX_REDIRECTS} times")

    def _hop(self, url: str, *, max_bytes: int, deadline_s: float) -> bytes | _Redirect:
        where = target(url, origins=self._origins)
        if isinstance(where, str):
            raise _refused(url, where)
        addresses = self._judged(url, where, deadline_s)
        with _reported(url), _connected(where, addresses, self._tls, deadline_s) as (made, expired):
            try:
                found = _answer(url, Exchange(made), where, max_bytes=max_bytes)
            except Exception:
                if expired.is_set():
                    raise TimeoutError from None
                raise
            if expired.is_set():
                raise TimeoutError  # cut off at the deadline: what has come may look whole
            return found

    def _judged(self, url: str, where: Target, deadline_s: float) -> Sequence[str]:
        """Return the addresses of a host; one that is not public is enough to refuse them all."""
        try:
            addresses = _in_time(lambda: self._resolve(where.host, where.port), deadline_s)
        except TimeoutError as error:
            raise TransientError(f"{shown_url(url)}: the name {where.host} was not resolved in time.") from error
        except (OSError, UnicodeError) as error:
            raise TransientError(f"{shown_url(url)}: the name {where.host} could not be resolved.") from error
        private = [address for address in addresses if not is_public(address)]
        if private and not where.literal:
            raise _refused(url, f"{where.host} leads to {private[0]}, which is not on the public internet")
        return addresses[:_MAX_ADDRESSES]


def _in_time(look_up: Callable[[], Sequence[str]], deadline_s: float) -> Sequence[str]:
    """Return what a look-up finds, or give it up at the deadline.

    The system's resolver takes no time-out. A look-up that is given up goes on in its thread until the resolver, which
    has limits of its own, has done; each fetch leaves one behind at most.

    Raises:
        TimeoutError: the time is up.
    """
    addresses: Future[Sequence[str]] = Future()

    def run() -> None:
        try:
            addresses.set_result(look_up())
        except BaseException as error:  # noqa: BLE001 - whatever it is, it is raised where it is waited for
            addresses.set_exception(error)

    threading.Thread(target=run, name="look-up", daemon=True).start()
    return addresses.result(timeout=max(0.0, deadline_s - time.monotonic()))


@contextlib.contextmanager
def _connected(
    where: Target, addresses: Sequence[str], tls: ssl.SSLContext, deadline_s: float
) -> Iterator[tuple[socket.socket, threading.Event]]:
    """Yield a connection that is cut at the deadline, and what tells that it was.

    A time-out of the socket alone bounds each read: a server that sends a byte now and then would hold it for ever.
    """
    expired = threading.Event()
    with contextlib.ExitStack() as stack:
        made = stack.enter_context(_dial(addresses, where.port, deadline_s))
        handle = stack.enter_context(made.dup())  # TLS takes the socket itself over; this one still reaches it
        guard = threading.Timer(max(0.0, deadline_s - time.monotonic()), _cut, (handle, expired))
        guard.daemon = True
        guard.start()
        stack.callback(guard.cancel)
        made.settimeout(max(0.001, deadline_s - time.monotonic()))
        if where.scheme == "https":
            made = stack.enter_context(tls.wrap_socket(made, server_hostname=where.host))
        yield made, expired


def _dial(addresses: Sequence[str], port: int, deadline_s: float) -> socket.socket:
    failure: OSError = ConnectionError("the name has no address")
    for address in addresses:
        left_s = deadline_s - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        try:
            return socket.create_connection((address, port), timeout=min(_CONNECT_TIMEOUT_S, left_s))
        except OSError as error:
            failure = error
    raise failure


def _cut(handle: socket.socket, expired: threading.Event) -> None:
    expired.set()
    with contextlib.suppress(OSError):  # closed meanwhile
        handle.shutdown(socket.SHUT_RDWR)


def _answer(url: str, exchange: Exchange, where: Target, *, max_bytes: int) -> bytes | _Redirect:
    head = exchange.ask(where)
    status = head.status_code
    if status in _REDIRECTS:
        leads_to = location(head)
        if not leads_to:
            raise _refused(url, f"it answered {status} without saying where to")
        return _redirect(url, leads_to)
    if status >= 500 or status in _PASSING:  # noqa: PLR2004 - server errors
        raise TransientError(f"{shown_url(url)} answered {status}.")
    if status != _OK:
        raise _refused(url, f"it answered {status}")
    body = None if promised_bytes(head) > max_bytes else exchange.body(max_bytes=max_bytes)
    if body is None:
        raise ImageRejectedError(ErrorCode.TOO_MANY_BYTES, f"{shown_url(url)} has more than {max_bytes:,} bytes.")
    return body


def _redirect(url: str, location: str) -> _Redirect:
    try:
        return _Redirect(urljoin(url, location))
    except ValueError:
        # Without its cause, which quotes the address: there may be a password in it.
        raise _refused(url, "it redirects to an address that is malformed") from None


def _refused(url: str, why: str) -> ImageRejectedError:
    return ImageRejectedError(ErrorCode.URL_REFUSED, f"{shown_url(url)} was not fetched: {why}.")


@contextlib.contextmanager
def _reported(url: str) -> Iterator[None]:
    """Translate what a connection can end in: a certificate is its owner's fault, all else may pass."""
    try:
        yield
    except ssl.SSLCertVerificationError as error:
        raise _refused(url, f"its certificate is not valid ({error.verify_message})") from error
    except TimeoutError as error:
        raise TransientError(f"{shown_url(url)} did not answer in time.") from error
    except BrokenAnswerError as error:
        raise TransientError(f"{shown_url(url)} could not be read: {error}.") from error
    except OSError as error:
        raise TransientError(f"{shown_url(url)} could not be read: {type(error).__name__}.") from error
