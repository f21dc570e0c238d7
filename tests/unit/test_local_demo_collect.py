"""What the demo makes of result events."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from infra.local.demo.collect import Collector, fetch

if TYPE_CHECKING:
    from pathlib import Path

HELD: dict[str, Any] = {
    "id": "1",
    "status": "held",
    "task": "caption",
    "source": {"bucket": "uploads", "name": "cat.jpg", "generation": "7"},
    "result": None,
    "error": "configuration",
    "until": "2026-11-21T16:00:00Z",
}
DONE = HELD | {"status": "ok", "result": "gs://results/v1/uploads/cat.jpg/7/caption.json", "error": None}


def test_a_parked_image_is_shown_with_the_reason_instead_of_a_document(tmp_path: Path) -> None:
    collector = Collector({"cat.jpg": 0})

    collector.take(HELD)
    (outcome,) = collector.ordered()
    fetch(outcome, None, tmp_path, number=1)

    assert outcome.document["status"] == "held"
    assert "refuses the key or the model" in outcome.document["error"]["message"]


def test_a_result_replaces_what_was_parked_and_is_never_replaced_by_it() -> None:
    for events in ((HELD, DONE), (DONE, HELD)):
        collector = Collector({"cat.jpg": 0})
        for event in events:
            collector.take(event)

        (outcome,) = collector.ordered()
        assert outcome.document == {"uri": DONE["result"]}
