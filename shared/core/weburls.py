"""Which web addresses may be fetched for somebody who is not trusted, and which machines they may lead to.

An operator lists origins. `https://images.example.com` and `http://127.0.0.1:8080` are meant literally: whoever lists
an internal machine wants it. `https://*` stands for every host of the public internet, at port 443.
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

if TYPE_CHECKING:
    from collections.abc import Collection

ANY_PUBLIC = "https://*"
MAX_URL_LENGTH = 2000

_PORTS = {"https": 443, "http": 80}
_UNSAFE = re.compile(r"[^\x21-\x7e]|\\")  # said positively: a range up to U+10FFFF takes 5 ms to compile
_HOST = re.compile(  # labels as long as a resolver takes them: it raises at others
    r"(?=[a-z0-9])(?!.{254})[a-z0-9_-]{1,63}(?:\.[a-z0-9_-]{1,63})*\.?|\[[0-9a-f:.]{2,45}\]"
)
_USER = re.compile(
    r"\A([^/\\]*+(?<![^:])[/\\]++)"  # up to the host, however many slashes a slip made of two
    r"(?:(?!\[[0-9a-f:.]+\])[^/?#:]*:.*|[^/?#]*)@",  # a colon: a password, which may hold any character
    re.DOTALL | re.IGNORECASE,
)
_REST = re.compile(r"[?#]")
_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_IPV4_COMPATIBLE = ipaddress.IPv6Network("::/96")

# https://www.iana.org/assignments/iana-ipv4-special-registry and -ipv6-special-registry, multicast and future use. A
# table of our own, whole blocks only: what `ipaddress` says of 192.0.0.192, where a cloud keeps its credentials,
# differs between patches of one Python.
_NOT_PUBLIC_IPV4 = tuple(
    ipaddress.IPv4Network(block)
    for block in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # shared by a carrier's customers; 100.100.100.200 is Alibaba's metadata server
        "127.0.0.0/8",  # loopback
        "168.63.129.16/32",  # a public address by its number: what Azure's machines ask about themselves
        "169.254.0.0/16",  # link-local, with most metadata servers
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # IETF protocol assignments; 192.0.0.192 is Oracle's metadata server
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # relays of 6to4, given up
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/4",  # multicast
        "240.0.0.0/4",  # for future use, and broadcast
    )
)
_PUBLIC_IPV6 = ipaddress.IPv6Network("2000::/3")  # the only block from which the internet's addresses are given out
_NOT_PUBLIC_IPV6 = tuple(
    ipaddress.IPv6Network(block)
    for block in (
        "2001::/23",  # IETF protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: judged by the address inside
        "3fff::/20",  # documentation
    )
)


@dataclass(frozen=True, slots=True)
class Target:
    """An address that may be fetched. `literal`: its origin is listed as it stands, wherever it leads."""

    scheme: str
    host: str
    port: int
    path: str
    literal: bool

    @property
    def host_header(self) -> str:
        """The host as HTTP names it: with the port, unless it is the scheme's own."""
        bare = f"[{self.host}]" if ":" in self.host else self.host
        return bare if self.port == _PORTS[self.scheme] else f"{bare}:{self.port}"


def target(url: str, *, origins: Collection[str]) -> Target | str:
    """Return what to fetch for a URL, or in plain words why it must not be fetched."""
    if len(url) > MAX_URL_LENGTH or _UNSAFE.search(url):
        return f"it is no URL of at most {MAX_URL_LENGTH:,} plain ASCII characters"
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return "it is malformed"
    if parts.scheme not in _PORTS:
        return "it is neither https:// nor gs://"
    if "@" in parts.netloc:
        return "it carries a user name or a password"
    if _HOST.fullmatch(parts.netloc.lower().removesuffix(f":{port}")) is None:
        return "its host is malformed"
    parsed = Target(
        scheme=parts.scheme,
        host=(parts.hostname or "").lower(),
        port=_PORTS[parts.scheme] if port is None else port,
        path=(parts.path or "/") + (f"?{parts.query}" if parts.query else ""),
        literal=False,
    )
    return _permitted(parsed, origins)


def origin_problem(origin: str) -> str | None:
    """Return what is wrong with an origin that an operator lists, or None."""
    if origin == ANY_PUBLIC:
        return None
    parsed = target(origin, origins=[origin])
    if isinstance(parsed, Target) and parsed.path == "/" and not origin.endswith("/"):
        return None
    return f"expected an origin such as https://images.example.com or {ANY_PUBLIC}, found {origin!r}"


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public internet, and to nothing inside, beside or in front of us.

    Addresses that carry an IPv4 address inside (mapped, 6to4, NAT64) are only as public as that one.

    >>> is_public("93.184.215.14"), is_public("169.254.169.254"), is_public("::ffff:10.0.0.1")
    (True, False, False)
    """
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return False
    inner = _inside(parsed)
    return _is_global(parsed if inner is None else inner)


def shown_url(url: str) -> str:
    """Return a URL fit for logs and results: without a password, and without a query, which may be a signature.

    A slash in a password makes it look like a port and a path. As it must never be shown, all that may belong to one
    is hidden: of `http://127.0.0.1:8080/a@2x.jpg`, too, only what follows the last @ is told.
    """
    bare = _REST.split(_USER.sub(_without_user, url), maxsplit=1)[0]
    told = bare if len(bare) <= MAX_URL_LENGTH else f"{bare[:MAX_URL_LENGTH]}…"
    return f"{told}?…" if "?" in url else told


def without_query(url: str) -> str:
    """Return a URL that was fetched, and so holds no password, fit for results: its query may be a signature."""
    bare = _REST.split(url, maxsplit=1)[0]
    return f"{bare}?…" if "?" in url else bare


def _without_user(found: re.Match[str]) -> str:
    # The end of a password that holds a ? or # looks just like a query: nothing after it is told.
    return f"{found[1]}…#" if _REST.search(found[0]) else f"{found[1]}…@"


def _permitted(found: Target, origins: Collection[str]) -> Target | str:
    own = (found.scheme, found.host_header)
    for origin in origins:
        scheme, _, host = origin.lower().partition("://")
        port_of_scheme = f":{_PORTS.get(scheme, '')}"
        if own == (scheme, host.removesuffix(port_of_scheme)):
            return Target(found.scheme, found.host, found.port, found.path, literal=True)
    if ANY_PUBLIC in origins and own[0] == "https" and found.port == _PORTS["https"]:
        return found
    return f"{found.scheme}://{found.host_header} is not among the origins that may be fetched (IMAGE_URL_ORIGINS)"


def _inside(address: _Address) -> ipaddress.IPv4Address | None:
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address in _NAT64 or address in _IPV4_COMPATIBLE:
        return ipaddress.IPv4Address(int(address) & 0xFFFF_FFFF)
    return address.ipv4_mapped or address.sixtofour


def _is_global(address: _Address) -> bool:
    if isinstance(address, ipaddress.IPv4Address):
        return not any(address in block for block in _NOT_PUBLIC_IPV4)
    return address in _PUBLIC_IPV6 and not any(address in block for block in _NOT_PUBLIC_IPV6)
