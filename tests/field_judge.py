"""Judges how Uplook reads the replies of the field, entry by entry of `field_replies/all.json`."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from shared.core.delivery.interpret import another_ask, interpret
from shared.core.delivery.journal import JournalledReply
from shared.core.events.envelopes import ImageEvent
from shared.core.gemini.transport import Transport
from shared.core.planning.choices import Choices, TaskChoices
from shared.core.planning.plan import resolve_settings
from shared.core.values import ImageInfo, Source

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.core.replies.answer import Answer
    from shared.core.tasks.common.task import Reading
    from shared.core.values import Item

FOLDER = Path(__file__).parent / "field_replies"
CASES: Mapping[str, dict[str, Any]] = {
    case["id"]: case for case in json.loads((FOLDER / "all.json").read_text(encoding="utf-8"))
}
"""All entries by id."""

TRANSPORT = Transport("inline", "image/jpeg", 1, reused=False, reason="it fits")


@dataclass(frozen=True, slots=True)
class Read:
    """What became of one entry; `asks_again` tells whether the model would be asked once more."""

    answer: Answer
    reading: Reading
    asks_again: bool

    @property
    def usable(self) -> list[Item]:
        return [item for item in self.reading.items or () if item.status == "ok"]

    @property
    def said(self) -> str:
        """Everything that tells a person what was missed or changed."""
        notes = (note for item in self.reading.items or () for note in item.notes)
        return "\n".join([self.reading.reason or "", *self.reading.warnings, *notes])


def read(case: Mapping[str, Any], **wishes: Any) -> Read:
    """Read an entry as the worker does; `wishes` are settings beside those of the entry."""
    wished = {key: case[key] for key in ("labels", "question") if key in case} | wishes
    chosen = TaskChoices(**{**wished, "labels": tuple(wished.get("labels", ()))})
    event = ImageEvent(
        Source("uploads", "x.jpg", 1), case["task"], resolve_settings(case["task"], _for_all(chosen)), "v1"
    )
    width, height = case["size"]
    info = ImageInfo(width, height, "jpeg", "image/jpeg")
    journalled = JournalledReply("k", "a", event.settings.model, "2026-11-29", info, TRANSPORT, {}, body_of(case))
    answer, reading = interpret(event, journalled)
    return Read(answer, reading, another_ask(event, answer, reading) is not None)


def body_of(case: Mapping[str, Any]) -> dict[str, Any]:
    """The whole response."""
    if "body" in case:
        return dict(case["body"])
    candidate = {"content": {"parts": [{"text": case["reply"]}]}, "finishReason": case.get("finish", "STOP")}
    return {"candidates": [candidate]}


def wrongs(case: Mapping[str, Any], found: Read) -> list[str]:
    """What is not as expected; nothing for an entry that is read right."""
    reading = found.reading
    checks = {
        f"status {reading.status}, expected {case['status']}": reading.status in case["status"],
        f"asks again: {found.asks_again}": case.get("ask") in (None, found.asks_again),
        f"items {[_told(item) for item in found.usable]}": _items_fit(case, found.usable),
        f"text {reading.caption or reading.answer!r}": _text_fits(case, reading.caption or reading.answer),
        f"classes {reading.classes}": _classes_fit(case, reading),
        f"reason {reading.reason!r}": case.get("reason_has", "") in (reading.reason or ""),
        f"{len(reading.items or ())} entries": len(reading.items or ()) <= case.get("max_entries", 10**9),
    }
    return [wrong for wrong, holds in checks.items() if not holds]


def invented(case: Mapping[str, Any], found: Read) -> int:
    """How many usable items are not among the expected ones."""
    if case.get("expected_items") is None:
        return 0
    wanted: list[tuple[Any, Any]] = [(label, tuple(box)) for label, box, *_ in case["expected_items"]]
    count = 0
    for item in found.usable:
        if (item.label, item.box_2d) in wanted:
            wanted.remove((item.label, item.box_2d))
        else:
            count += 1
    return count


def _for_all(chosen: TaskChoices) -> Choices:
    return replace(Choices(), for_all=chosen)


def _told(item: Item) -> tuple[Any, ...]:
    mask = item.mask
    return (item.label, item.box_2d, mask and (mask.source, mask.area_px, mask.reason))


def _items_fit(case: Mapping[str, Any], usable: list[Item]) -> bool:
    expected = case.get("expected_items")
    if expected is None:
        return True
    if [(item.label, item.box_2d) for item in usable] != [(label, tuple(box)) for label, box, *_ in expected]:
        return False
    return all(_mask_fits(case, item, more) for item, (_, _, *more) in zip(usable, expected, strict=True))


def _mask_fits(case: Mapping[str, Any], item: Item, expected: list[Any]) -> bool:
    if not expected:
        return True
    source, area_px = (*expected, None)[:2]
    mask = item.mask
    if mask is None or mask.status != "ok":
        return source is None or bool(case.get("wrong_mask_if_ok"))
    if case.get("wrong_mask_if_ok"):
        return mask.area_px == (area_px or case.get("okarea"))
    return mask.source == source and area_px in (None, mask.area_px)


def _text_fits(case: Mapping[str, Any], text: str | None) -> bool:
    if case.get("anytext"):
        return bool(text)
    return case.get("text") in (None, text)


def _classes_fit(case: Mapping[str, Any], reading: Reading) -> bool:
    if "classes" not in case:
        return True
    wanted: list[str] = case["classes"]
    return [one.label for one in reading.classes or () if one.status == "ok"] == wanted
