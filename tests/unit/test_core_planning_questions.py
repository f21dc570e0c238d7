"""A manifest is judged by the rules of each image that it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.core.events.manifest import ImageReference, Manifest, StoredImage, WebImage
from shared.core.planning.questions import forbidden
from shared.core.planning.rules import parse_rules
from shared.core.values import Source

RULES = parse_rules("""
[defaults]
tasks = ["caption"]

[[rules]]
prefix = "hr/"
exclude = true

[[rules]]
prefix = "quiet/"
uploader_settings = ["labels"]

[[rules]]
prefix = "own/"
uploader_tasks = ["caption"]

[[rules]]
prefix = "dear/"
max_calls = 4

[[rules]]
bucket = "archive"
exclude = true
""")


def _forbidden(*images: str | ImageReference, place: str = "dropbox/q.uplook.json") -> list[str]:
    named = tuple(StoredImage("uploads", each) if isinstance(each, str) else each for each in images)
    return forbidden(Manifest("Who?", named), Source("uploads", place, 1), RULES)


@pytest.mark.parametrize(
    ("image", "reason"),
    [
        ("hr/salaries.jpg", "excluded by a rule"),
        ("quiet/a.jpg", "the rules leave no question to uploads (uploader_settings)"),
        ("own/a.jpg", "the rules leave ask to no upload (uploader_tasks)"),
    ],
)
def test_an_image_that_no_uploader_could_ask_about_is_refused_to_a_manifest_too(image: str, reason: str) -> None:
    assert _forbidden("trip/a.jpg", image) == [f"images[1] gs://uploads/{image}: {reason}"]


def test_the_rules_of_an_images_bucket_count() -> None:
    assert _forbidden(StoredImage("archive", "a.jpg")) == ["images[0] gs://archive/a.jpg: excluded by a rule"]


def test_an_image_counts_at_its_own_place_as_often_as_that_allows() -> None:
    assert _forbidden("dear/1.jpg", "dear/2.jpg", *(f"trip/{number}.jpg" for number in range(30))) == []

    (refusal,) = _forbidden("dear/1.jpg", "trip/1.jpg", "dear/2.jpg", "dear/3.jpg")

    assert refusal.startswith(
        "images[3] gs://uploads/dear/3.jpg: its place has room for 2 images of one question (rules[3].max_calls is 4,"
    )


def test_a_manifest_has_room_for_as_many_images_as_its_own_place_allows_wherever_they_lie() -> None:
    web = WebImage("https://images.example.com/a.jpg")

    assert _forbidden("trip/1.jpg", web, place="dear/q.uplook.json") == []
    (refusal,) = _forbidden("trip/1.jpg", web, "trip/2.jpg", place="dear/q.uplook.json")
    assert refusal.startswith("the manifest has room for 2 images")


@given(st.lists(st.sampled_from(["trip/a.jpg", "hr/a.jpg", "hr/b.jpg", "own/c.jpg", "dear/d.jpg"]), max_size=8))
def test_no_mixture_hides_an_image_that_must_not_be_asked_about(images: list[str]) -> None:
    refused = _forbidden(*images)

    for index, image in enumerate(images):
        protected = image.startswith(("hr/", "own/"))
        assert any(text.startswith(f"images[{index}] ") for text in refused) >= protected
