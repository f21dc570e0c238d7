"""Environment variables, read one by one: what is wrong with them is collected, and reported at once."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from shared.core.naming import is_bucket_name, is_run_name

if TYPE_CHECKING:
    from collections.abc import Mapping

_TOPIC = re.compile(r"projects/[^/\s]+/topics/[^/\s]+")
_PREFIX = re.compile(r"[a-z0-9][a-z0-9._-]{0,31}/")
_TRUE, _FALSE = frozenset({"1", "true", "yes"}), frozenset({"", "0", "false", "no"})


class Reader:
    """Reads variables one by one and collects what is wrong with them."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self.problems: list[str] = []

    def optional(self, name: str) -> str | None:
        return self._environ.get(name, "").strip() or None

    def words(self, name: str) -> tuple[str, ...]:
        return tuple(word.strip() for word in (self.optional(name) or "").split(",") if word.strip())

    def flag(self, name: str) -> bool:
        value = (self.optional(name) or "").lower()
        if value not in _TRUE | _FALSE:
            self.problems.append(f"{name}: expected true or false, found {value!r}.")
        return value in _TRUE

    def prefix(self, name: str) -> str:
        """A folder of objects: `uplook/`."""
        value = self.optional(name) or ""
        if value and not _PREFIX.fullmatch(value):
            self.problems.append(f"{name}: expected a folder such as uplook-results/, found {value!r}.")
        return value

    def text(self, name: str) -> str:
        value = self.optional(name)
        if value is None:
            self.problems.append(f"{name} is not set.")
        return value or ""

    def bucket(self, name: str) -> str:
        value = self.text(name)
        self._check_bucket(name, value)
        return value

    def buckets(self, name: str) -> tuple[str, ...]:
        text = self.text(name)
        values = self.words(name)
        if text and not values:
            self.problems.append(f"{name}: expected bucket names, separated by commas, found {text!r}.")
        for value in values:
            self._check_bucket(name, value)
        return values

    def file(self, name: str, default: Path) -> Path:
        value = self.optional(name)
        if value is not None and not Path(value).is_file():
            self.problems.append(f"{name}: expected a file, found none at {value!r}.")
        return default if value is None else Path(value)

    def topic(self, name: str) -> str:
        value = self.text(name)
        if value and not _TOPIC.fullmatch(value):
            self.problems.append(f"{name}: expected projects/PROJECT/topics/TOPIC, found {value!r}.")
        return value

    def run(self, name: str, default: str) -> str:
        value = self.optional(name) or default
        if not is_run_name(value):
            self.problems.append(
                f"{name}: expected 1-32 of a-z 0-9 . _ - beginning with a letter or digit, found {value!r}."
            )
        return value

    def number(self, name: str, default: float) -> float:
        value = self.optional(name)
        if value is None:
            return default
        try:
            number = float(value)
        except ValueError:
            number = 0.0
        if not 0 < number < float("inf"):
            self.problems.append(f"{name}: expected a number above 0, found {value!r}.")
            return default
        return number

    def optional_number(self, name: str) -> float | None:
        return self.number(name, 1.0) if self.optional(name) else None

    def optional_count(self, name: str) -> int | None:
        return self.count(name, 1) if self.optional(name) else None

    def count(self, name: str, default: int) -> int:
        number = self.number(name, default)
        if number != int(number):
            self.problems.append(f"{name}: expected a whole number, found {self.optional(name)!r}.")
        return int(number)

    def log_format(self, name: str, default: Literal["json", "text"]) -> Literal["json", "text"]:
        value = self.optional(name) or default
        if value == "json":
            return "json"
        if value != "text":
            self.problems.append(f"{name}: expected json or text, found {value!r}.")
        return "text"

    def _check_bucket(self, name: str, value: str) -> None:
        if value and not is_bucket_name(value):
            self.problems.append(f"{name}: expected the name of a bucket, such as my-bucket, found {value!r}.")
