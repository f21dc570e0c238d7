"""What a browser sends to a service of this machine on behalf of pages, and what programs send: by who sends it.

The browser's side is written from the standards: a page can make it send any GET, and any POST whose content type a
form could have, with a body; the rest only after a preflight (https://fetch.spec.whatwg.org/#http-cors-protocol).
`Origin` stands on every POST and on everything else that a page may read; `Sec-Fetch-Site` on every request to an
address that the browser trusts, which loopback is (https://www.w3.org/TR/fetch-metadata/).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

EVIL: Final = "http://evil.test:9955"
FORM_TYPES: Final = (
    "multipart/form-data; boundary=xxxx",
    "application/x-www-form-urlencoded",
    "text/plain;charset=UTF-8",
    None,  # fetch("…", {method: "POST"}) without a body
)
ANY_TYPES: Final = (
    *FORM_TYPES,
    "application/json",
    "multipart/related; boundary=xxxx",
    "multipart/mixed; boundary=xxxx",
)
LOOPBACK_NAMES: Final = ("127.0.0.1", "localhost", "127.8.9.1", "[::1]", "LOCALHOST", "localhost.")
FOREIGN_NAMES: Final = (
    "evil.test",
    "127.0.0.1.evil.test",
    "localhost.evil.test",
    "evil-localhost",
    "127.0.0.1@evil.test",
    "evil.test#127.0.0.1",
    "10.0.0.7",
    "169.254.169.254",
    "[2001:db8::1]",
    "0x7f000001.evil.test",
    "",
)


@dataclass(frozen=True, slots=True)
class Sent:
    """One request but for its path: who sent it, its method and its headers, `Host` among them."""

    sender: str
    method: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.method} of {self.sender} with {dict(self.headers)}"


def from_pages(port: int, *, fetch_metadata: bool = True) -> Iterator[Sent]:
    """Yield what pages elsewhere, in a browser on this machine, can make it send to a service at `port`.

    Without `fetch_metadata` as by a browser that sends no `Sec-Fetch-*` headers: of its requests, those that read only
    bear no mark at all, and are not among these.
    """
    own = f"127.0.0.1:{port}"
    pages = (
        ("a page", EVIL, "cross-site"),
        ("a page of another port", "http://127.0.0.1:1", "same-site"),
        ("a sandboxed page", "null", "cross-site"),
        ("a page by https", "https://localhost", "cross-site"),
    )
    for sender, origin, site in pages:
        marks = {"Host": own} | ({"Sec-Fetch-Site": site} if fetch_metadata else {})
        for content_type in FORM_TYPES:
            yield Sent(f"a form or fetch of {sender}", "POST", marks | {"Origin": origin} | _type(content_type))
        for method in ("PUT", "DELETE", "PATCH", "POST"):
            wanted = {"Access-Control-Request-Method": method, "Access-Control-Request-Headers": "content-type"}
            yield Sent(f"the preflight of {sender}", "OPTIONS", marks | {"Origin": origin} | wanted)
        yield Sent(f"a readable fetch of {sender}", "GET", marks | {"Origin": origin})
        if fetch_metadata:
            for mode, dest in (
                ("navigate", "document"),
                ("navigate", "iframe"),
                ("no-cors", "image"),
                ("no-cors", "script"),
            ):
                kind = {"Sec-Fetch-Mode": mode, "Sec-Fetch-Dest": dest}
                yield Sent(f"a link, frame or picture of {sender}", "GET", marks | kind)
    yield from _rebound(port)


def _rebound(port: int) -> Iterator[Sent]:
    """Yield what a page sends whose own name has turned into 127.0.0.1: all that it likes, as to its own server."""
    for name, bare in itertools.product(FOREIGN_NAMES, (False, True)):
        host = name if bare else f"{name}:{port}"
        for method in ("GET", "POST", "PUT", "DELETE"):
            types = (None,) if method == "GET" else ANY_TYPES
            for content_type in types:
                origin = {} if method == "GET" else {"Origin": f"http://{host}"}
                yield Sent("a rebound page", method, {"Host": host, **origin, **_type(content_type)})


def from_programs(port: int) -> Iterator[Sent]:
    """Yield what programs on this machine send: curl, client libraries, and a person who types an address."""
    for name, method in itertools.product(LOOPBACK_NAMES, ("GET", "POST", "PUT", "DELETE", "PATCH", "HEAD")):
        for content_type in (None,) if method in {"GET", "HEAD"} else ANY_TYPES[1:]:
            yield Sent("a program", method, {"Host": f"{name}:{port}", **_type(content_type)})
    node = {"Sec-Fetch-Mode": "cors", "Accept-Language": "*"}  # Node's own fetch calls itself a browser's
    yield Sent("Node", "POST", {"Host": f"127.0.0.1:{port}", "Content-Type": "application/json", **node})
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    yield Sent("an address that was typed", "GET", {"Host": f"127.0.0.1:{port}", **typed})


def _type(content_type: str | None) -> dict[str, str]:
    return {} if content_type is None else {"Content-Type": content_type}
