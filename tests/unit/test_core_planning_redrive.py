"""From an error document to the next image event: the same question, the next number, or a reason why not."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from shared.core import naming
from shared.core.errors import ErrorCode, PermanentError
from shared.core.events import storage_events
from shared.core.events.envelopes import ImageEvent
from shared.core.naming import MAX_REDRIVE
from shared.core.planning.choices import Choices
from shared.core.planning.plan import idempotency_key, resolve_settings
from shared.core.planning.redrive import error_number, function_of, next_event
from shared.core.results import documents, schemas
from shared.core.values import Source

SOURCE = Source("uploads", "a/Köln #1.jpg", 2**53 + 1, 5, "image/jpeg", "AAAAAA==")
SETTINGS = replace(resolve_settings("detect", Choices()), labels=("cat", "Säule"), max_items=3)
EVENT = ImageEvent(SOURCE, "detect", SETTINGS, "v2")


def _failed(event: ImageEvent = EVENT) -> dict[str, Any]:
    return documents.unanswered(
        event,
        idempotency_key(event),
        status="failed",
        code=ErrorCode.DEAD_LETTER,
        message="In vain.",
        at="2026-11-21T09:00:00Z",
    )


def _name(number: int, *, prefix: str = "") -> str:
    return naming.paths(SOURCE, run="v2", task="detect", prefix=prefix).error(number)


def test_a_failed_document_fits_the_schema_and_keeps_what_was_asked() -> None:
    document = _failed()

    assert schemas.problem(document) is None
    assert document["settings"]["labels"] == ["cat", "Säule"]


def test_only_failures_keep_it() -> None:
    skipped = documents.unanswered(
        EVENT, "0" * 64, status="skipped", code=ErrorCode.GONE, message="Gone.", at="2026-11-21T09:00:00Z"
    )

    assert "settings" not in skipped


@pytest.mark.parametrize("number", [0, 1, 41, MAX_REDRIVE - 1])
@pytest.mark.parametrize("prefix", ["", "uplook/"])
def test_the_next_event_asks_the_same_with_the_next_number(number: int, prefix: str) -> None:
    event = next_event(_failed(), _name(number, prefix=prefix), prefix=prefix)

    assert event.redrive == number + 1
    assert (event.source, event.task, event.settings, event.run) == (SOURCE, "detect", EVENT.settings, "v2")
    assert idempotency_key(event) == idempotency_key(EVENT)


@pytest.mark.parametrize(
    ("change", "number", "code"),
    [
        ({"status": "ok"}, 0, "no_failure"),
        ({}, MAX_REDRIVE, "no_redrives_left"),
        ({"settings": None}, 0, "no_settings"),
        ({"settings": {"model": "other"}}, 0, "malformed_event"),
        ({"run": "v3"}, 0, "other_settings"),
        ({"source": {"bucket": "uploads", "name": "b.jpg", "generation": "1"}}, 0, "other_settings"),
        ({"source": []}, 0, "malformed_event"),
        ({"id": None}, 0, "other_settings"),
    ],
)
def test_what_cannot_be_redriven_says_why(change: dict[str, Any], number: int, code: str) -> None:
    with pytest.raises(PermanentError) as raised:
        next_event(_failed() | change, _name(number), prefix="")

    assert raised.value.code == code


def test_a_copy_is_not_redriven_for_its_original() -> None:
    with pytest.raises(PermanentError, match=r"It belongs to v2/uploads/a/Köln %231\.jpg/"):
        next_event(_failed(), f"backup/{_name(0)}", prefix="")


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("v1/b/cat.jpg/7/detect.error-0.json", 0),
        ("v1/b/a\nb/7/detect.error-9999.json", 9999),
        ("v1/b/cat.jpg/7/detect.json", None),
        ("v1/b/x.error-1.json/7/detect.json", None),
        ("v1/b/cat.jpg/7/detect.error-10000.json", None),
    ],
)
def test_the_number_is_read_from_the_end_of_the_name(name: str, number: int | None) -> None:
    assert error_number(name) == number


@pytest.mark.parametrize(
    ("kind", "function"),
    [
        (storage_events.FINALIZED, "ingest"),
        ("OBJECT_FINALIZE", "ingest"),
        (storage_events.DELETED, "forget"),
    ],
)
def test_a_kept_storage_event_was_for_one_function(kind: str, function: str) -> None:
    assert function_of(kind) == function


@pytest.mark.fault(125)
@pytest.mark.parametrize(
    ("subscription", "function"),
    [
        ("eventarc-us-central1-uplook-forget-123-sub-456", "forget"),
        ("uplook-forget", "forget"),
        ("trigger-forget", "forget"),
        ("eventarc-us-central1-uplook-ingest-123-sub-456", None),
        ("eventarc-us-central1-unforgettable-123-sub-456", None),
        ("", None),
    ],
)
def test_a_kept_deletion_is_for_forget_where_its_subscription_was(subscription: str, function: str | None) -> None:
    """Eventarc's own dead letters are plain notifications of the bucket."""
    if function is not None:
        assert function_of("OBJECT_DELETE", subscription=subscription) == function
        return
    with pytest.raises(PermanentError, match="comes from no subscription"):
        function_of("OBJECT_DELETE", subscription=subscription)


@pytest.mark.fault(15)
@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("OBJECT_ARCHIVE", "found 'OBJECT_ARCHIVE': there is nothing to do for it"),
        ("google.cloud.storage.object.v1.metadataUpdated", "there is nothing to do for it"),
        ("", "found ''"),
        ("OBJECT_DELETE", "comes from no subscription of `forget`"),
    ],
)
def test_a_kept_storage_event_of_another_kind_says_what_to_do(kind: str, said: str) -> None:
    with pytest.raises(PermanentError, match="elete this object") as raised:
        function_of(kind)

    assert said in raised.value.message
