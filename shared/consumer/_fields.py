"""Read JSON fields as the types they should have, or say where and how they depart."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from .errors import MalformedError, UnsupportedVersionError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from .values import Box

_BOX_CORNERS = 4
_DECIMAL = re.compile(r"[0-9]{1,19}")
_SHOWN_CHARS = 100

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Fields:
    """A JSON object and where it stands (a JSON path). A field that is absent is as good as null."""

    values: Mapping[str, Any]
    place: str = "$"

    def text(self, name: str) -> str:
        """Return a text."""
        found: str = self._need(name, str, "a text")
        return found

    def optional_text(self, name: str) -> str | None:
        """Return a text or None."""
        return None if self.values.get(name) is None else self.text(name)

    def whole(self, name: str) -> int:
        """Return a whole number."""
        found: int = self._need(name, int, "a whole number")
        return found

    def optional_whole(self, name: str) -> int | None:
        """Return a whole number or None."""
        return None if self.values.get(name) is None else self.whole(name)

    def decimal(self, name: str) -> int:
        """Return a 64-bit number that is written as text, as Cloud Storage does: JSON's numbers end at 2**53."""
        found = self.text(name)
        if not _DECIMAL.fullmatch(found):
            raise self.wrong(name, "a number written as text", found)
        return int(found)

    def optional_decimal(self, name: str) -> int | None:
        """Return a number that is written as text, or None."""
        return None if self.values.get(name) is None else self.decimal(name)

    def optional_number(self, name: str) -> float | None:
        """Return a number or None."""
        if self.values.get(name) is None:
            return None
        found = self._need(name, (int, float), "a number")
        try:
            number = float(found)
        except OverflowError:  # JSON knows no largest number
            number = math.inf
        if not math.isfinite(number):
            raise self.wrong(name, "a finite number of 64 bits", found)
        return number

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        found = self.values.get(name)
        if not isinstance(found, bool):
            raise self.wrong(name, "true or false", found)
        return found

    def child(self, name: str) -> Fields:
        """Return an object."""
        return Fields(self._need(name, dict, "an object"), f"{self.place}.{name}")

    def optional_child(self, name: str) -> Fields | None:
        """Return an object or None."""
        return None if self.values.get(name) is None else self.child(name)

    def children(self, name: str) -> tuple[Fields, ...]:
        """Return a list of objects."""
        found = self._need(name, list, "a list of objects")
        if not all(isinstance(each, dict) for each in found):
            raise self.wrong(name, "a list of objects", found)
        return tuple(Fields(each, f"{self.place}.{name}[{number}]") for number, each in enumerate(found))

    def texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts."""
        found = self._need(name, list, "a list of texts")
        if not all(isinstance(each, str) for each in found):
            raise self.wrong(name, "a list of texts", found)
        return tuple(found)

    def optional_texts(self, name: str) -> tuple[str, ...]:
        """Return a list of texts, empty where there is none."""
        return () if self.values.get(name) is None else self.texts(name)

    def optional_all(self, name: str, read: Callable[[Fields], T]) -> tuple[T, ...] | None:
        """Return what `read` makes of every object in a list, or None where there is no list."""
        if self.values.get(name) is None:
            return None
        return tuple(read(each) for each in self.children(name))

    def optional_box(self, name: str) -> Box | None:
        """Return the four numbers of a box, or None."""
        found = self.values.get(name)
        if found is None:
            return None
        if not isinstance(found, list) or len(found) != _BOX_CORNERS or not all(type(each) is int for each in found):
            raise self.wrong(name, "four whole numbers", found)
        return found[0], found[1], found[2], found[3]

    def check_version(self, family: str, major: int) -> None:
        """Refuse another major version of `family` than this; `uplook.result/1.2` would be a newer minor one.

        Raises:
            MalformedError: it is of another family, or says none.
            UnsupportedVersionError: it is of another major version.
        """
        found = self.text("schema")
        match = re.fullmatch(rf"{re.escape(family)}/([0-9]{{1,9}})(?:\.[0-9]{{1,9}})*", found)
        if match is None:
            raise self.wrong("schema", f"{family}/{major}", found)
        if int(match[1]) != major:
            raise UnsupportedVersionError(
                f"{self.place}.schema: expected {family}/{major}, found {found}: update this client."
            )

    def wrong(self, name: str, expected: str, found: Any) -> MalformedError:
        """Return the error that says what was expected here and what was found."""
        shown = _shown(found)
        return MalformedError(f"{self.place}.{name}: expected {expected}, found {shown}.")

    def _need(self, name: str, kind: type | tuple[type, ...], expected: str) -> Any:
        found = self.values.get(name)
        if not isinstance(found, kind) or isinstance(found, bool):
            raise self.wrong(name, expected, found)
        return found


def parse_object(data: bytes | str, what: str) -> Mapping[str, Any]:
    """Return a JSON object.

    Raises:
        MalformedError: it is no JSON, or no object.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise MalformedError(f"Expected {what} as JSON: {error}.") from error
    if not isinstance(value, dict):
        raise MalformedError(f"Expected {what} as a JSON object, found {_shown(value)}.")
    return value


def _shown(found: Any) -> str:
    if isinstance(found, str):
        return repr(found[:_SHOWN_CHARS])
    return (
        repr(found) if found is None or isinstance(found, bool | float) else f"a value of type {type(found).__name__}"
    )
