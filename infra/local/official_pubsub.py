"""Google's own Pub/Sub emulator, where it is installed: found, started as a Java process, awaited.

`gcloud beta emulators pubsub start` is a wrapper that leaves its Java child behind when it is killed; the jar is
therefore run directly.
"""

from __future__ import annotations

import http.client
import shutil
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from infra.emulators.common.serve import LOOPBACK

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

JAR_VARIABLE = "PUBSUB_EMULATOR_JAR"
JAR_PATTERN = "platform/pubsub-emulator/lib/*.jar"
POLL_S = 0.05


class OfficialUnavailableError(Exception):
    """The official emulator cannot run here; the message says what is missing and what to do."""


@dataclass(frozen=True, slots=True)
class Official:
    """An installed official emulator."""

    java: str
    jar: Path

    def command(self, port: int) -> list[str]:
        """Return the argv that serves on loopback; the process needs no other one beside it."""
        return [self.java, "-jar", str(self.jar), f"--host={LOOPBACK}", f"--port={port}"]


def find(environ: Mapping[str, str]) -> Official:
    """Return the installed emulator: the jar that PUBSUB_EMULATOR_JAR names, else the one of the gcloud SDK.

    Raises:
        OfficialUnavailableError: Java or the jar is missing.
    """
    java = shutil.which("java")
    if java is None:
        raise OfficialUnavailableError("no java on PATH: install a Java runtime, or use the embedded emulator")
    return Official(java, _named_jar(environ[JAR_VARIABLE]) if environ.get(JAR_VARIABLE) else _sdk_jar())


def wait_ready(port: int, *, timeout_s: float, alive: Callable[[], bool]) -> None:
    """Return once the emulator answers on `port`.

    Raises:
        OfficialUnavailableError: it ended (`alive` says so), or did not answer in time.
    """
    deadline = time.monotonic() + timeout_s
    while not _answers(port):
        if not alive():
            raise OfficialUnavailableError(f"the official Pub/Sub emulator ended before it listened on port {port}")
        if time.monotonic() > deadline:
            raise OfficialUnavailableError(f"the official Pub/Sub emulator did not answer within {timeout_s:g} s")
        time.sleep(POLL_S)


def _named_jar(name: str) -> Path:
    jar = Path(name)
    if not jar.is_file():
        raise OfficialUnavailableError(f"{JAR_VARIABLE} names {name}, which is no file: correct it, or unset it")
    return jar


def _sdk_jar() -> Path:
    gcloud = shutil.which("gcloud")
    jars = sorted(Path(gcloud).resolve().parents[1].glob(JAR_PATTERN)) if gcloud else []
    if not jars:
        raise OfficialUnavailableError(
            f"no jar of the Pub/Sub emulator: run `gcloud components install pubsub-emulator`, or set {JAR_VARIABLE}"
        )
    return jars[-1]


def _answers(port: int) -> bool:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=1)
    try:
        connection.request("GET", "/")
        return connection.getresponse().status == http.client.OK
    except OSError:
        return False
    finally:
        connection.close()
