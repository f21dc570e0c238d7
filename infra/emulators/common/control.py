"""The control API of an emulator, from Python: plan faults, and see whether each was hit.

    with Control(url).planned(Fault("status", operation="object.insert", status=503)):
        …the code under test…

Leaving the block asserts that every planned fault was hit, and clears them.
"""

from __future__ import annotations

import contextlib
import json
import urllib.request
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .faults import PATH

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .faults import Fault

_TIMEOUT_S = 10


class Control:
    """One emulator's control API at its base URL."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id."""
        return int(self.call("POST", PATH, asdict(fault))["id"])

    def faults(self) -> list[dict[str, Any]]:
        """Return every rule, with `hits` and `left`."""
        found: list[dict[str, Any]] = self.call("GET", PATH)["faults"]
        return found

    def clear(self) -> None:
        """Remove every rule."""
        self.call("DELETE", PATH)

    @contextlib.contextmanager
    def planned(self, *faults: Fault) -> Iterator[None]:
        """Plan these faults for the block, and insist that each was hit as often as it says."""
        for fault in faults:
            self.add(fault)
        try:
            yield
            missed = [rule for rule in self.faults() if rule["left"]]
            if missed:
                raise AssertionError(f"faults that were never hit: {missed}")
        finally:
            self.clear()

    def call(self, method: str, path: str, body: Any = None) -> Any:
        """Send one request to the control API; return its JSON, or None where there is none."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}{path}", data, headers, method=method)  # noqa: S310 - our own
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as reply:  # noqa: S310 - our own
            text = reply.read()
        return json.loads(text) if text else None
