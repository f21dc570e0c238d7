"""The free text of an answer: a caption or the answer to a question, from JSON or from plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.core.replies.lenient_json import values_in
from shared.core.replies.spellings import is_wrapper, key_of, plain
from shared.core.replies.texts import clean_text, unfenced

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.core.replies.jsonscan import Scan

CAPTION_KEYS = (
    *("caption", "description", "alttext", "alt", "imagecaption", "imagedescription", "summary", "text", "answer"),
    "content",
)
ANSWER_KEYS = ("answer", "response", "result", "text", "value", "content", "output")

OTHER_KEY = "the words stood under another name than the one that was asked for"
SEVERAL = "the answer holds several texts; the last one counts"
REWRITTEN = "the answer was no JSON as it was sent, and was read in its evident meaning"

_MAX_DEPTH = 3
_MEANT_AS_JSON = ("{", "[")


@dataclass(frozen=True, slots=True)
class Words:
    """What an answer says in words; None with `readable` means that it says nothing, without that it is debris."""

    text: str | None
    readable: bool = True
    warnings: tuple[str, ...] = ()


def parse_caption(text: str) -> Words:
    """The words of `{"caption": …}`, or the whole text where it is not JSON."""
    return _words(text, CAPTION_KEYS, values=False)


def parse_answer(text: str) -> Words:
    """The words of `{"answer": …}`, by the rules of `parse_caption`; a number, true or false is an answer, too.

    An answer that is a list or an object is kept as JSON.
    """
    return _words(text, ANSWER_KEYS, values=True)


def _words(text: str, keys: Sequence[str], *, values: bool) -> Words:
    bare = unfenced(text)
    seen = values_in(bare)
    said = [words for root in seen.values if (words := _said(root.value, keys, values=values)) is not None]
    spoken = [words for words in said if words.text]
    if spoken:
        last = spoken[-1]
        facts = {
            SEVERAL: len({words.text for words in spoken}) > 1,
            REWRITTEN: seen.rewritten,
        }
        return Words(last.text, warnings=(*last.warnings, *(fact for fact, holds in facts.items() if holds)))
    if said:
        return Words(None)
    if _is_json(bare, seen, keys):
        return Words(None, readable=False)
    return Words(clean_text(bare.strip('"')) or None)


def _is_json(bare: str, seen: Scan, keys: Sequence[str]) -> bool:
    """Whether a text without any words in JSON is meant as JSON all the same: its debris is no caption."""
    if bare.startswith(_MEANT_AS_JSON) and (seen.values or seen.broken is not None):
        return True
    if seen.broken is None:
        return False
    start = re.compile(r'\{\s*["\'](\w{1,40})["\']').match(seen.text, seen.broken)
    return start is not None and plain(start[1]) in keys


def _said(value: Any, keys: Sequence[str], *, values: bool, depth: int = 0) -> Words | None:
    """What a value says: None where it is not meant to say anything, a text of None where it says nothing."""
    if depth > _MAX_DEPTH:
        return None
    if isinstance(value, list):
        return _of_list(value, keys, values=values, depth=depth)
    if not isinstance(value, Mapping):
        return None
    by_name = {plain(key): key for key in value}
    key = next((by_name[name] for name in keys if name in by_name), None)
    if key is not None:
        words = _text(value[key], values=values)
        return words and Words(words.text, warnings=words.warnings + _note(plain(key), keys))
    if len(value) == 1 and is_wrapper(next(iter(value))):
        return _said(next(iter(value.values())), keys, values=values, depth=depth + 1)
    texts = [said for said in value.values() if isinstance(said, str)]
    lone = len(texts) == 1 and not any(isinstance(said, (list, Mapping)) for said in value.values())
    return Words(clean_text(texts[0]) or None, warnings=(OTHER_KEY,)) if lone and not _is_item(value) else None


def _is_item(value: Mapping[str, Any]) -> bool:
    return key_of(value, ("box2d", "label", "error", "code")) is not None


def _note(name: str, keys: Sequence[str]) -> tuple[str, ...]:
    return () if name in {keys[0], "description", "answer", "response"} else (OTHER_KEY,)


def _of_list(value: list[Any], keys: Sequence[str], *, values: bool, depth: int) -> Words | None:
    """The lines of a list of texts, or the words of its objects: of the last one where there are several."""
    if value and all(isinstance(line, str) for line in value):
        return _text(value, values=False)
    said = [words for each in value if (words := _said(each, keys, values=values, depth=depth + 1)) and words.text]
    if not said:
        return None
    return Words(said[-1].text, warnings=said[-1].warnings + ((SEVERAL,) if len(said) > 1 else ()))


def _text(value: Any, *, values: bool) -> Words | None:
    """The text of a value; None where it is something else than words."""
    if value is None or isinstance(value, str):
        return Words(clean_text(value or "") or None)
    if isinstance(value, list) and all(isinstance(line, str) for line in value):
        return Words(clean_text(" ".join(map(clean_text, value))) or None)
    if isinstance(value, Mapping) and not values:
        return _said(value, CAPTION_KEYS, values=False, depth=_MAX_DEPTH)
    return Words(clean_text(_as_json(value)) or None) if values else None


def _as_json(value: Any) -> str:
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:  # nested as deeply as could just be read
        return ""
