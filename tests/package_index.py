"""A package index on loopback that holds what a lock pins, and of each of it a newer, empty release.

Its files are made here: wheels without content that have the name, the version and the dependencies of the real ones.
"""

from __future__ import annotations

import base64
import hashlib
import io
import re
import threading
import zipfile
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property, partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib import metadata
from typing import TYPE_CHECKING

from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from infra.supply.pins import Pin

_LAST_NUMBER = re.compile(r"\d+$")


@dataclass(frozen=True)
class Release:
    """One release of a package: `requires` as in `Requires-Dist`, `extras` as in `Provides-Extra`."""

    name: str
    version: str
    requires: tuple[str, ...] = ()
    extras: tuple[str, ...] = ()

    @cached_property
    def filename(self) -> str:
        return f"{self.name.replace('-', '_')}-{self.version}-py3-none-any.whl"

    @cached_property
    def wheel(self) -> bytes:
        """The file itself: the same bytes each time."""
        folder = f"{self.name.replace('-', '_')}-{self.version}.dist-info"
        headers = [("Metadata-Version", "2.1"), ("Name", self.name), ("Version", self.version)]
        headers += [("Provides-Extra", extra) for extra in self.extras]
        headers += [("Requires-Dist", requirement) for requirement in self.requires]
        files = {
            f"{folder}/METADATA": "".join(f"{name}: {value}\n" for name, value in headers),
            f"{folder}/WHEEL": "Wheel-Version: 1.0\nGenerator: tests\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(f"{name},{_digest(text.encode())},{len(text.encode())}\n" for name, text in files.items())
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, text in (files | {f"{folder}/RECORD": f"{record}{folder}/RECORD,,\n"}).items():
                archive.writestr(zipfile.ZipInfo(name), text)
        return packed.getvalue()

    @property
    def newer(self) -> Release:
        """The next release, an empty one, within the bounds of those that want the package, as a real one would be."""
        version = _LAST_NUMBER.sub(lambda found: str(int(found[0]) + 1), self.version)
        return Release(self.name, version, (), self.extras)

    @property
    def pin(self) -> str:
        """This release as a line of a lock."""
        return f"{self.name}=={self.version} \\\n    --hash=sha256:{hashlib.sha256(self.wheel).hexdigest()}\n"


def _digest(data: bytes) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def wanted_with_extras(pins: Iterable[Pin]) -> tuple[Release, ...]:
    """Return the pinned releases that want another one with an extra, and those others, as they are installed here.

    These are what an older pip may take from elsewhere than the lock. What they want besides is left out.
    """
    here = [metadata.distribution(pin.name) for pin in pins if not pin.marker or Marker(pin.marker).evaluate()]
    asked = {found.name: {each for each in map(Requirement, found.requires or ()) if _applies(each)} for found in here}
    kept: set[str] = {canonicalize_name(name) for name, wanted in asked.items() if any(each.extras for each in wanted)}
    kept |= {canonicalize_name(each.name) for wanted in asked.values() for each in wanted if each.extras}
    return tuple(_only(kept, found) for found in here if canonicalize_name(found.name) in kept)


def _applies(requirement: Requirement) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": ""})


def _only(kept: set[str], found: metadata.Distribution) -> Release:
    requires = tuple(each for each in found.requires or () if canonicalize_name(Requirement(each).name) in kept)
    extras = tuple(found.metadata.get_all("Provides-Extra") or ())
    return Release(canonicalize_name(found.name), found.version, requires, extras)


def made_up(prefix: str) -> tuple[Release, ...]:
    """Return a family of which one wants another with an extra: what the older pips stumble over."""
    return (
        Release(f"{prefix}-asks", "1.0", (f"{prefix}-has[extra]>=1",)),
        Release(f"{prefix}-has", "1.0", (f'{prefix}-more>=1; extra == "extra"',), ("extra",)),
        Release(f"{prefix}-more", "1.0"),
    )


@dataclass
class Index:
    """A folder as a web server shows it (https://peps.python.org/pep-0503/)."""

    folder: Path
    _links: dict[str, set[str]] = field(default_factory=dict)

    def add(self, releases: Iterable[Release]) -> None:
        """Add the releases, and a newer one of each that asks for nothing and has the same extras."""
        for release in releases:
            for each in (release, release.newer):
                place = self.folder / "simple" / each.name
                place.mkdir(parents=True, exist_ok=True)
                (place / each.filename).write_bytes(each.wheel)
                links = self._links.setdefault(each.name, set())
                links.add(
                    f'<a href="{each.filename}#sha256={hashlib.sha256(each.wheel).hexdigest()}">{each.filename}</a>'
                )
                (place / "index.html").write_text("<!DOCTYPE html>" + "".join(sorted(links)), encoding="utf-8")

    @contextmanager
    def served(self) -> Iterator[str]:
        """Serve the folder on a free port of loopback; gives the index's URL."""
        with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(self.folder))) as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
            thread.start()
            try:
                yield f"http://127.0.0.1:{server.server_port}/simple"
            finally:
                server.shutdown()
                thread.join()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_args: object) -> None:
        """Say nothing."""
