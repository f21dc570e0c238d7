"""The control API of an emulator, from Python: plan faults, and see whether each was hit.

    with Control(url).planned(Fault("status", operation="object.insert", status=503)):
        …the code under test…

Leaving the block asserts that every planned fault was hit, and clears them.
"""

from __future__ import annotations

import contextlib
import json
import urllib.error
import urllib.request
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from .common.faults import FAULTS_PATH, FaultError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .common.faults import Fault, PlannedFault

_TIMEOUT_S = 60
_BAD_REQUEST = 400


class Control:
    """The control API of one emulator at its base URL: for Pub/Sub, the address of its `control` line."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        # Loopback needs no proxy, and urllib would ask the one in the environment.
        self._opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def add(self, fault: Fault) -> int:
        """Plan a fault and return its id.

        Raises:
            FaultError: the emulator refuses the rule; the message says what it expected.
        """
        try:
            return int(self.call("POST", FAULTS_PATH, asdict(fault))["id"])
        except urllib.error.HTTPError as error:
            if error.code != _BAD_REQUEST:
                raise
            with error:
                raise FaultError(json.load(error)["error"]) from error

    def faults(self) -> list[PlannedFault]:
        """Return every planned fault, with its `id`, and how often it was hit (`hits`) and still will be (`left`)."""
        found: list[PlannedFault] = self.call("GET", FAULTS_PATH)["faults"]
        return found

    def kinds(self) -> dict[str, str]:
        """Return the kinds of faults that this emulator knows, with one sentence about each."""
        found: dict[str, str] = self.call("GET", FAULTS_PATH)["kinds"]
        return found

    def remove(self, rule_id: int) -> None:
        """Remove one planned fault."""
        self.call("DELETE", f"{FAULTS_PATH}?id={rule_id}")

    def clear(self) -> None:
        """Remove every planned fault."""
        self.call("DELETE", FAULTS_PATH)

    @contextlib.contextmanager
    def planned(self, *faults: Fault) -> Iterator[None]:
        """Plan these faults for the block, and insist that each was hit as often as it says.

        Raises:
            AssertionError: a fault was not hit, or not as often as planned.
            FaultError: as `add`.
        """
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
        """Send one request to a path below `/_control/`; return its JSON, or None where there is none.

        Raises:
            urllib.error.HTTPError: the emulator refuses it.
            urllib.error.URLError: nothing listens at the URL.
        """
        data = None if body is None else json.dumps(body).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(f"{self._url}{path}", data, headers, method=method)  # noqa: S310 - our own
        with self._opener.open(request, timeout=_TIMEOUT_S) as reply:
            text = reply.read()
        return json.loads(text) if text else None
