"""Read requirements*.txt as `make lock` writes it: exact versions, each with the hashes of its files."""

from __future__ import annotations

import re
from dataclasses import dataclass

_PIN = re.compile(r"(?P<name>[a-z0-9][a-z0-9-]*)==(?P<version>[0-9][A-Za-z0-9.+!-]*)(?: ; (?P<marker>[^\\]+?))? \\")
_HASH = re.compile(r" {4}--hash=sha256:(?P<digest>[0-9a-f]{64})(?: \\)?")
_VIA = re.compile(r" {4}# (?:via(?: (?P<only>\S.*))?|  (?P<one>\S.*))")
DIRECT = "-r "
"""How a requirement of ours is told from one of another package: `-r requirements.in`."""


@dataclass(frozen=True, slots=True)
class Pin:
    """One pinned package. `marker` says where it is installed (None: everywhere), `via` who wants it."""

    name: str
    version: str
    marker: str | None
    sha256: tuple[str, ...]
    via: tuple[str, ...]

    @property
    def purl(self) -> str:
        """The package URL: https://github.com/package-url/purl-spec."""
        return f"pkg:pypi/{self.name}@{self.version}"


def parse_pins(text: str) -> tuple[Pin, ...]:
    """Return all pins of a requirements file.

    Raises:
        ValueError: a line is none of an exact version, a hash or a comment: a URL, a range, an option, an index.
    """
    pins: list[Pin] = []
    begun: re.Match[str] | None = None
    hashes: list[str] = []
    via: list[str] = []
    for number, line in enumerate([*text.splitlines(), ""], 1):
        pin = _PIN.fullmatch(line)
        if pin or not line:
            pins += _finished(begun, hashes, via)
            begun, hashes, via = pin, [], []
        elif found := _HASH.fullmatch(line):
            hashes.append(found["digest"])
        elif found := _VIA.fullmatch(line):
            via += filter(None, (found["only"], found["one"]))
        else:
            raise ValueError(
                f"line {number}: expected NAME==VERSION with hashes, as `make lock` writes, found {line!r}"
            )
    return tuple(pins)


def _finished(begun: re.Match[str] | None, hashes: list[str], via: list[str]) -> list[Pin]:
    if begun is None:
        if hashes or via:
            raise ValueError("expected a version before its hashes, found none")
        return []
    if not hashes:
        raise ValueError(f"{begun['name']}: expected at least one hash, found none")
    return [Pin(begun["name"], begun["version"], begun["marker"], tuple(hashes), tuple(via))]
