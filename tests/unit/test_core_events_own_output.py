"""What Uplook wrote is told from what was uploaded, by where it lies and by its stamp."""

from __future__ import annotations

import pytest

from shared.core.events.envelopes import Upload
from shared.core.events.storage_events import own_output
from shared.core.values import Source

STAMPED = {"uplook-attempt": "a1"}


def _reason(bucket: str, name: str, metadata: dict[str, str] | None = None, *, prefix: str = "uplook/") -> str | None:
    upload = Upload(Source(bucket, name, 7), metadata or {})
    return own_output(upload, results_bucket="photos", results_prefix=prefix)


@pytest.mark.fault(29)
def test_a_result_is_told_by_its_place_even_where_it_lost_its_stamp() -> None:
    assert _reason("photos", "uplook/v1/photos/cat.jpg/7/segment/overlay.jpg") == "it lies below the results' prefix"


def test_a_result_of_another_deployment_is_told_by_its_stamp() -> None:
    assert "uplook-attempt" in str(_reason("elsewhere", "v1/photos/cat.jpg/7/segment/overlay.jpg", STAMPED))


@pytest.mark.parametrize(
    ("bucket", "name"),
    [("photos", "cat.jpg"), ("photos", "uplook.jpg"), ("photos", "a/uplook/cat.jpg"), ("elsewhere", "uplook/cat.jpg")],
)
def test_an_upload_is_an_upload_whatever_its_name_resembles(bucket: str, name: str) -> None:
    assert _reason(bucket, name, {"uplook-tasks": "caption"}) is None


def test_without_a_prefix_only_the_stamp_speaks() -> None:
    assert _reason("photos", "v1/cat.jpg", prefix="") is None
    assert _reason("photos", "v1/cat.jpg", STAMPED, prefix="") is not None
