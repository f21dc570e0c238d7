"""A saved page of Google's about models, read as far as it says what the registry holds: ids, ends and prices.

HTML, Markdown and plain text are read alike, as one stream of words: copies differ in how they write a table, not in
the order of its cells. https://ai.google.dev/gemini-api/docs/deprecations, …/pricing and …/models, and
https://docs.cloud.google.com/gemini-enterprise-agent-platform/models/model-versions.
"""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_ID = r"gemini-(?:\d[\w.]*?|robotics-er)(?:-[a-z0-9.]*[a-z0-9])+(?![\w-])"
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH = "(?:" + "|".join(f"{month[:3]}(?:{month[3:]})?" if month[3:] else month for month in _MONTHS) + r")\.?"
_DATE = rf"(?:\d{{4}}-\d{{2}}-\d{{2}}|{_MONTH} \d{{1,2}}, \d{{4}}|\d{{1,2}} {_MONTH} \d{{4}}|{_MONTH} \d{{4}})"
_NAME = r"(?-i:Gemini \d[\w.]*(?: [A-Z][\w-]*(?![\w-]))+(?! models))"  # not the heading behind an empty cell

_ROW = re.compile(
    rf"(?P<id>{_ID}) (?:{_DATE}) "
    rf"(?:(?P<early>earliest|no earlier than|not before)? ?(?P<end>{_DATE})(?P<late> or later)?"
    r"|No (?:shutdown|retirement|discontinuation) date announced)"
    rf"(?: (?P<successor>{_ID}(?! {_DATE})|{_NAME}))?",
    re.IGNORECASE,
)
_PRICED = re.compile(rf"(?P<id>{_ID})|(?P<kind>Input|Output) price", re.IGNORECASE)
_AMOUNT = re.compile(
    rf"\$(?P<usd>\d+(?:\.\d+)?)(?: [^\s$]+){{0,6}}? (?:(?P<until>through|until) (?P<last>{_DATE}))?", re.IGNORECASE
)
_LATER = re.compile(
    rf"\$(?P<usd>\d+(?:\.\d+)?)(?: [^\s$]+){{0,4}}? (?:starting|from|beginning) (?P<first>{_DATE})", re.IGNORECASE
)
_LINK = re.compile(r"\]\([^)]*\)")
_BETWEEN_CELLS = re.compile(r"[\s|`*\[\]]+")
_OTHERS = re.compile(r"image|live|tts|audio|embedding|computer-use|translate|omni|video")
"""In the ids of models that make images, speak or act: no task of ours can ask them."""


@dataclass(frozen=True, slots=True)
class PageEnd:
    """What a page says of one model's end; `day` is None where none is announced. `or_later`: it says so itself."""

    model: str
    day: dt.date | None
    or_later: bool = False
    successor: str | None = None


@dataclass(frozen=True, slots=True)
class PagePrice:
    """US dollars per million tokens that a page says; `until` is the last day of the first, `later` what comes then."""

    usd: float
    until: dt.date | None = None
    later: tuple[dt.date, float] | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """What a page says of models that can look at pictures. `prices` are those of the standard tier: input, output."""

    ids: frozenset[str] = frozenset()
    ends: tuple[PageEnd, ...] = ()
    prices: Mapping[str, tuple[PagePrice | None, PagePrice | None]] = field(default_factory=dict)
    vertex: bool = False


def read_page(text: str) -> Page:
    """Read a saved page."""
    words = _BETWEEN_CELLS.sub(" ", _LINK.sub(" ", _without_tags(text) if "</" in text else text))
    return Page(
        ids=frozenset(each for each in re.findall(_ID, words) if _is_ours(each)),
        ends=tuple(_ends(words)),
        prices=_prices(words),
        vertex="Vertex AI" in words[:3000] or "Agent Platform" in words[:3000],
    )


def _is_ours(model: str) -> bool:
    return not _OTHERS.search(model)


def _ends(words: str) -> Iterator[PageEnd]:
    for row in _ROW.finditer(words):
        if _is_ours(row["id"]):
            day = None if row["end"] is None else _date(row["end"])
            yield PageEnd(row["id"], day, bool(row["early"] or row["late"]), _successor(row["successor"]))


def _successor(text: str | None) -> str | None:
    """Return an id: Vertex's page gives names (`Gemini 3.5 Flash-Lite or …`)."""
    return None if text is None else text.lower().replace(" ", "-")


def _prices(words: str) -> Mapping[str, tuple[PagePrice | None, PagePrice | None]]:
    found: dict[str, dict[str, PagePrice | None]] = {}
    marks = list(_PRICED.finditer(words))
    model = ""
    for mark, after in zip(marks, [*marks, None][1:], strict=True):
        if mark["id"]:
            model = mark["id"]
        elif model and _is_ours(model):
            cell = words[mark.end() : after.start() if after else mark.end() + 300]
            # The first of each kind: other tiers (batch, flex) follow the standard one.
            found.setdefault(model, {}).setdefault(mark["kind"].lower(), _price(cell))
    return {model: (kinds.get("input"), kinds.get("output")) for model, kinds in found.items()}


def _price(cell: str) -> PagePrice | None:
    first = _AMOUNT.search(f"{cell} ")
    if first is None:
        return None
    later = _LATER.search(cell, first.end("usd"))
    return PagePrice(
        float(first["usd"]),
        until=_date(first["last"]) if first["last"] else None,
        later=(_date(later["first"]), float(later["usd"])) if later else None,
    )


def _date(text: str) -> dt.date:
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        return dt.date.fromisoformat(text)
    year = int(text[-4:])
    name = next(word for word in re.split(r"[ .,]+", text.lower()) if word[:1].isalpha())
    month = next(number for number, each in enumerate(_MONTHS, 1) if each.startswith(name[:3]))
    day = next((int(word) for word in re.split(r"[ ,]+", text) if word.isdigit() and len(word) <= 2), 1)  # noqa: PLR2004
    return dt.date(year, month, day)


def _without_tags(html: str) -> str:
    reader = _Words()
    reader.feed(html)
    reader.close()
    return " ".join(reader.words)


class _Words(HTMLParser):
    """The words of a page, without its scripts and styles."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.words: list[str] = []
        self._silent = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        del attrs
        self._silent += tag in {"script", "style"}

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in {"script", "style"} and self._silent > 0

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.words.append(data)
