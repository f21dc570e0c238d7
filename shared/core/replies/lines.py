"""Lines of text as answers give them: the words of each line, whole, and the language they are in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from shared.core.replies.lenient_json import values_in
from shared.core.replies.spellings import key_of
from shared.core.replies.texts import clean_label, clean_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.replies.items import RawItem
    from shared.core.values import Item

MAX_LINE = 2_000
"""Characters of a line; Unicode code points."""

_TEXT = ("text", "textcontent", "transcription", "transcript", "line", "content", "words", "value", "label")
_LANGUAGE = ("language", "languagecode", "lang", "locale")
_SPACE = re.compile(r"\s+")
_TAG = re.compile(r"[A-Za-z]{2,3}(?:-[A-Za-z0-9]{1,8}){0,4}", re.ASCII)
_UNDETERMINED = frozenset({"und", "zxx", "mul"})  # BCP 47's: undetermined, no language, several


def with_text(items: Sequence[Item], raws: Sequence[RawItem], answer: str) -> list[Item]:
    """Return the items with the text that each holds, and its language: its own, or that of the whole answer."""
    overall = _overall(answer)
    return [_line(item, raw.entry or {}, overall) for item, raw in zip(items, raws, strict=True)]


def _line(item: Item, entry: Mapping[str, Any], overall: str | None) -> Item:
    said = (entry.get(key_of(entry, (name,)) or "") for name in _TEXT)
    words = next((each for each in said if isinstance(each, str)), item.label)
    text = _SPACE.sub(" ", clean_text(words, limit=MAX_LINE))
    return replace(item, label=clean_label(text), text=text, language=_language(entry) or overall)


def _language(entry: Mapping[str, Any]) -> str | None:
    """The tag that an entry names, if it is one of BCP 47 and says something."""
    tag = entry.get(key_of(entry, _LANGUAGE) or "")
    if not isinstance(tag, str) or not _TAG.fullmatch(tag.strip()):
        return None
    return None if tag.strip().lower() in _UNDETERMINED else tag.strip()


def _overall(answer: str) -> str | None:
    """The language that stands beside the list of lines."""
    found = values_in(answer).values
    roots = [each.value for each in found if isinstance(each.value, Mapping)]
    return _language(roots[0]) if len(roots) == 1 else None
