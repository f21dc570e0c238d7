"""Turns the text of an answer into raw entries, a caption or labels: which shape it has, not yet what it means.

Models wrap the same entries in a list, in an object around a list, or send one alone, with prose and fences
around; every shape that was seen is taken. Numbers, boxes and masks are left to `geometry` and `masks`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

from shared.core.geometry import side_keys
from shared.core.replies import shape
from shared.core.replies.jsonscan import MAX_VALUES, RepeatedKeys, complete_strings, scan

MAX_LABEL = 200
"""Characters of a label; Unicode code points."""

MAX_CAPTION = 10_000

_CAPTION_KEYS = ("caption", "answer", "description")
_ANSWER_KEYS = ("answer", "response")

_UNSAFE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SPACE = re.compile(r"\s+")
_FENCE = "```"
_BULLET = re.compile(r"(?:[-*•]|\d{1,2}[.)])\s+")
_PLAIN_LABEL = re.compile(r"[^.!?:;`{}\[\]\"]{1,60}")
_PLAIN_LABEL_WORDS = 4


@dataclass(frozen=True, slots=True)
class RawItem:
    """One entry as it was sent: the label is clean text, the rest is untouched JSON; None is absent.

    `reason` says why nothing can be made of the entry at all.
    """

    label: str | None = None
    box: Any = None
    mask: Any = None
    point: Any = None
    reason: str | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ItemsReply:
    """All entries of an answer. Not `readable` means: no list or object of the expected kind is in it.

    `lost` counts entries that are there but broken; the one that a `truncated` answer ends in is not among them.
    """

    items: tuple[RawItem, ...]
    readable: bool
    truncated: bool = False
    lost: int = 0
    repeated_keys: bool = False
    capped: bool = False


@dataclass(frozen=True, slots=True)
class LabelsReply:
    """Labels in order of appearance, each once."""

    labels: tuple[str, ...]
    readable: bool
    truncated: bool = False
    capped: bool = False


def parse_items(text: str, *, max_items: int) -> ItemsReply:
    """Every entry of the answer, whichever root it has; unusable entries are kept, with a reason."""
    seen = scan(text, member_key=shape.MEMBER_KEY)
    values = shape.expected(seen.found)
    offered = shape.entries(values)
    entries = list(islice(offered, max_items))
    return ItemsReply(
        items=tuple(_raw_item(entry) for entry in entries),
        # An empty list says "nothing there" only where nothing broken stands beside it.
        readable=bool(entries) or (seen.broken is None and any(not value.salvaged for value in values)),
        truncated=seen.unfinished is not None,
        lost=0 if seen.unfinished is not None else seen.lost,
        repeated_keys=seen.repeated_keys,
        capped=seen.capped or any(True for _ in offered),
    )


def parse_labels(text: str, *, max_labels: int, complete: bool = True) -> LabelsReply:
    """Labels from a list of strings, from entries with a label, or from plain words.

    A broken list keeps the strings that it holds complete. Words without any JSON count only where the model
    had finished (`complete`) and they look like labels: a few words each, separated by commas or lines.
    """
    seen = scan(text, member_key=shape.MEMBER_KEY)
    values = shape.expected(seen.found)
    names = [_raw_item(entry).label for entry in islice(shape.entries(values), MAX_VALUES)]
    if seen.broken is not None:
        names += [clean_label(name) for name in complete_strings(text, seen.broken)]
    elif complete and not seen.found:
        names += _plain_labels(text)
    labels = tuple(dict.fromkeys(name for name in names if name))
    return LabelsReply(
        labels=labels[:max_labels],
        readable=bool(labels) or any(not value.salvaged for value in values),
        truncated=seen.unfinished is not None,
        capped=seen.capped or len(labels) > max_labels,
    )


def parse_caption(text: str) -> str | None:
    """The words of `{"caption": …}` (or `answer`, `description`), or the whole text where it is not JSON.

    None where there are no words, or JSON without a complete caption: its debris is not one.
    """
    return _words(text, _CAPTION_KEYS)


def parse_answer(text: str) -> str | None:
    """The words of `{"answer": …}` (or `response`), with the rules of `parse_caption`; a number is an answer too."""
    return _words(text, _ANSWER_KEYS)


def clean_text(text: str, *, limit: int = MAX_CAPTION) -> str:
    """`text` as valid UTF-8 without control and direction-override characters; line breaks stay."""
    return _UNSAFE.sub("", text[: 2 * limit].replace("\r\n", "\n")).strip()[:limit].rstrip()


def _raw_item(entry: Any) -> RawItem:
    if isinstance(entry, str):
        return RawItem(label=clean_label(entry))
    if not isinstance(entry, Mapping):
        return RawItem(reason="expected an object with a box, found a bare value")
    box_key = shape.box_key(entry)
    box = entry[box_key] if box_key else (entry if side_keys(entry) else None)
    label, cut = _label(entry)
    notes = {
        "repeated_keys": isinstance(entry, RepeatedKeys),
        "label_cut": cut,
        "other_box_key": box_key is not None and box_key.lower() != "box_2d",
    }
    return RawItem(
        label=label,
        box=box,
        mask=_value(entry, shape.MASK_KEYS),
        point=_value(entry, shape.POINT_KEYS),
        notes=tuple(note for note, holds in notes.items() if holds),
    )


def _value(entry: Mapping[str, Any], names: tuple[str, ...]) -> Any:
    key = shape.key_of(entry, names)
    return entry[key] if key else None


def _label(entry: Mapping[str, Any]) -> tuple[str | None, bool]:
    """The label as clean text, and whether it had to be cut; a number is a label too, anything else is not."""
    value = _value(entry, shape.LABEL_KEYS + shape.WEAK_LABEL_KEYS)
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str):
        return None, False
    return clean_label(value), len(value) > MAX_LABEL


def clean_label(text: str) -> str:
    """`text` as one clean line of at most `MAX_LABEL` characters."""
    return _SPACE.sub(" ", clean_text(text, limit=MAX_LABEL))


def _plain_labels(text: str) -> Iterator[str]:
    """Labels in words, all or none: one piece that is no label makes the whole text prose."""
    lines = (_BULLET.sub("", line.strip(), count=1) for line in _unfenced(text)[:MAX_CAPTION].split("\n"))
    pieces = [piece.strip() for line in lines for piece in line.split(",") if piece.strip()]
    if all(_PLAIN_LABEL.fullmatch(piece) and len(piece.split()) <= _PLAIN_LABEL_WORDS for piece in pieces):
        yield from map(clean_label, pieces)


def _unfenced(text: str) -> str:
    bare = text.strip()
    if not bare.startswith(_FENCE):
        return bare
    language, _, inside = bare.lstrip("`").partition("\n")
    return (inside or language).rstrip("` \t\r\n").strip()


def _words(text: str, keys: tuple[str, ...]) -> str | None:
    bare = _unfenced(text)
    seen = scan(bare)
    words = (_words_in(value.value, keys) for value in seen.found)
    if spoken := next((word for word in words if word), None):
        return clean_text(spoken) or None
    broken = -1 if seen.broken is None else seen.broken
    is_json = bare.startswith(("{", "[")) and (seen.found or broken >= 0)
    if is_json or (broken >= 0 and re.compile(rf'\{{\s*"(?:{"|".join(keys)})"').match(bare, broken)):
        return None
    return clean_text(bare.strip('"')) or None


def _words_in(value: Any, keys: tuple[str, ...]) -> str | None:
    """The words of an object, or of a list with one such object."""
    only = value[0] if isinstance(value, list) and len(value) == 1 else value
    if not isinstance(only, Mapping):
        return None
    words = _value(only, keys)
    if isinstance(words, (int, float)) and not isinstance(words, bool) and keys is _ANSWER_KEYS:
        return str(words)
    return words if isinstance(words, str) else None
