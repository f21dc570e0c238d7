"""Our Pub/Sub emulator with its control API: what the tests of planned faults need."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from infra.emulators import Control
from infra.local.process import Process, service_argv
from tests.contract.pubsub_rig import Rig, clients
from tests.services import control_url
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Iterator

    from infra.emulators import Fault


@dataclass(frozen=True, slots=True)
class Controlled:
    """A running emulator: `host` is its gRPC address, `rig` has real clients of it."""

    host: str
    url: str
    rig: Rig
    control: Control

    def planned(self, *faults: Fault) -> contextlib.AbstractContextManager[None]:
        return self.control.planned(*faults)

    def counts(self, subscription: str) -> dict[str, Any]:
        found: dict[str, Any] = self.control.call("GET", "/_control/stats")["subscriptions"][subscription]
        return found


@contextlib.contextmanager
def controlled(*arguments: str) -> Iterator[Controlled]:
    """Start an emulator of its own and find its control API by the line that announces it."""
    with Process("pubsub", service_argv("pubsub", *arguments), env=dict(os.environ)) as child:
        url = child.wait_ready(timeout_s=WAIT_S)
        control = control_url(child)
        with clients(url) as rig:
            yield Controlled(url.removeprefix("http://"), control, rig, Control(control))


def short(name: str) -> str:
    """Return the last part of a resource's name: the subject of faults."""
    return name.rsplit("/", 1)[-1]
