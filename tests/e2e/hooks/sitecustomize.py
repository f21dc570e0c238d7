"""Imported by every Python process that has this folder on its path: what a test wants to see, or to happen, in there.

`WATCH_CONNECTIONS` names a file that takes a line for every connection to somewhere else than this machine.
`INTERRUPT_AT_IMPORT` names a module at whose import the process group gets a SIGINT, as by Ctrl-C in a terminal.
"""

from __future__ import annotations

import os
import signal
import sys
from ipaddress import ip_address
from pathlib import Path

_WATCH, _INTERRUPT = "WATCH_CONNECTIONS", "INTERRUPT_AT_IMPORT"


def _is_elsewhere(address: object) -> bool:
    if not isinstance(address, tuple):
        return False  # a Unix socket
    host = str(address[0])
    try:
        return not (ip_address(host).is_loopback or ip_address(host).is_unspecified)
    except ValueError:
        return host != "localhost"


def _watch(event: str, arguments: tuple[object, ...]) -> None:
    if event == "socket.connect" and _is_elsewhere(arguments[1]):
        told = f"{sys.argv[:4]} connects to {arguments[1]}"
    elif event == "socket.getaddrinfo" and _is_elsewhere((arguments[0] or "localhost",)):
        told = f"{sys.argv[:4]} looks up {arguments[0]!r}"
    else:
        return
    with Path(os.environ[_WATCH]).open("a", encoding="utf-8") as log:
        log.write(f"{told}\n")


class _Interrupt:
    """A finder of modules that finds nothing, and interrupts at one name."""

    @staticmethod
    def find_spec(name: str, *_: object) -> None:
        if name == os.environ[_INTERRUPT] and "demo" in sys.orig_argv:
            os.killpg(0, signal.SIGINT)


if _WATCH in os.environ:
    sys.addaudithook(_watch)
if _INTERRUPT in os.environ:
    sys.meta_path.insert(0, _Interrupt)
