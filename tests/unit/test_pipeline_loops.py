"""Uplook never works on its own results: one bucket for all, copies of results, chains of deployments."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final

import pytest

from shared.core.events.envelopes import Upload, parse_image_event
from shared.core.events.storage_events import STAMP
from shared.core.planning.choices import Choices
from shared.core.planning.rules import Rules
from shared.core.ports import Message
from shared.core.values import Source
from shared.export.reading import BucketResults, documents
from shared.pipeline.ingest import ingest
from shared.pipeline.upkeep.dead_letter import record_dead_letter
from shared.pipeline.worker.analyze import analyze
from tests.rig import SERVICE, SETTINGS, UPLOADS, WORK, Rig, picture

if TYPE_CHECKING:
    from collections.abc import Callable

ROUNDS: Final = 100
TASKS: Final = ("caption", "detect", "segment")
RULES: Final = Rules(Choices(tasks=TASKS))
ONE_BUCKET: Final = replace(SETTINGS, results_bucket=UPLOADS, results_prefix="uplook/")


@dataclass
class Deployment:
    """A rig whose storage tells of every object once, as Cloud Storage does."""

    rig: Rig
    told: set[tuple[str, str]] = field(default_factory=set)
    forget_stamps: bool = False

    def hear(self) -> int:
        """Hand every new object of the upload buckets to ingest; return how many there were."""
        stored = dict(self.rig.store._objects)
        new = [where for where in stored if where[0] in self.rig.settings.upload_buckets and where not in self.told]
        for bucket, name in new:
            object_ = stored[bucket, name]
            source = Source(bucket, name, object_.generation, len(object_.data), object_.content_type)
            metadata = {} if self.forget_stamps else object_.metadata
            ingest(
                Upload(source, metadata),
                rules=RULES,
                settings=self.rig.settings,
                service=SERVICE,
                publisher=self.rig.publisher,
            )
        self.told |= set(new)
        return len(new)

    def work(self) -> int:
        """Do all published work; return how many events that was."""
        messages = self.rig.publisher.messages.pop(self.rig.settings.image_topic, [])
        for message in messages:
            analyze(parse_image_event(message.data), self.rig.ports)
        return len(messages)

    def until_quiet(self) -> None:
        """Go on until nothing is new and nothing is to be done."""
        for _ in range(4):  # the upload, its results, nothing: one more than that
            if not self.hear() + self.work():
                return
        raise AssertionError("expected quiet after a few rounds; results are worked on without end")


def _upload(rig: Rig, name: str) -> None:
    rig.store.create(UPLOADS, name, picture(), content_type="image/jpeg")


@pytest.mark.fault(29)
@pytest.mark.every_step
@pytest.mark.parametrize("forget_stamps", [False, True], ids=["stamp and prefix", "prefix alone"])
def test_with_one_bucket_every_image_is_asked_about_once_and_no_result_ever(*, forget_stamps: bool) -> None:
    deployment = Deployment(Rig(settings=ONE_BUCKET), forget_stamps=forget_stamps)

    for number in range(ROUNDS):
        _upload(deployment.rig, f"photos/{number}.jpg")
        deployment.until_quiet()

    assert len(deployment.rig.model.requests) == ROUNDS * 2  # detect is answered out of segment's call
    names = deployment.rig.store.list_names(UPLOADS, "")
    assert len([name for name in names if not name.startswith("uplook/")]) == ROUNDS
    assert len([name for name in names if name.endswith("overlay.jpg")]) == 2 * ROUNDS


@pytest.mark.every_step
def test_without_either_guard_there_would_be_no_end() -> None:
    """What the guards are for, and that this file would see their absence."""
    unguarded = replace(ONE_BUCKET, results_prefix="")
    deployment = Deployment(Rig(settings=unguarded), forget_stamps=True)
    _upload(deployment.rig, "cat.jpg")

    with pytest.raises(AssertionError, match="without end"):
        deployment.until_quiet()


@pytest.mark.fault(31)
def test_a_chain_of_two_deployments_ends_at_its_first_hop() -> None:
    """One writes results where the other takes uploads, and the other way round: A to B to A."""
    first = Deployment(Rig(settings=replace(SETTINGS, upload_buckets=("a",), results_bucket="b")))
    second = Deployment(Rig(settings=replace(SETTINGS, upload_buckets=("b",), results_bucket="a")))
    second.rig.store._objects = first.rig.store._objects
    first.rig.store.create("a", "cat.jpg", picture(), content_type="image/jpeg")

    for _ in range(5):
        first.until_quiet()
        second.until_quiet()

    assert len(first.rig.model.requests) == 2  # detect is answered out of segment's call
    assert second.rig.model.requests == []
    assert second.told != set()


@pytest.mark.fault(30)
@pytest.mark.parametrize(
    ("name", "metadata"), [("uplook/mine.jpg", {}), ("mine.jpg", {STAMP: "forged"})], ids=["prefix", "stamp"]
)
def test_an_uploader_who_imitates_results_is_left_out(name: str, metadata: dict[str, str]) -> None:
    deployment = Deployment(Rig(settings=ONE_BUCKET))
    deployment.rig.store.create(UPLOADS, name, picture(), content_type="image/jpeg", metadata=metadata)

    deployment.until_quiet()

    assert deployment.rig.model.requests == []


def test_results_among_uploads_are_read_like_any_others() -> None:
    deployment = Deployment(Rig(settings=ONE_BUCKET))
    _upload(deployment.rig, "cat.jpg")
    deployment.until_quiet()

    found = list(documents(BucketResults(deployment.rig.store, UPLOADS, "uplook/v1/")))

    assert [each.document["task"] for each in found] == list(TASKS)
    assert found[0].place.startswith(f"gs://{UPLOADS}/uplook/v1/{UPLOADS}/cat.jpg/")


def _break(rig: Rig) -> None:
    rig.answer = "no JSON at all"


def _nothing(_: Rig) -> None:
    """All goes well."""


@pytest.mark.fault(29, 31)
@pytest.mark.parametrize("what", [_nothing, _break])
def test_everything_that_is_written_among_uploads_carries_the_stamp(what: Callable[[Rig], None]) -> None:
    deployment = Deployment(Rig(settings=ONE_BUCKET))
    what(deployment.rig)
    _upload(deployment.rig, "cat.jpg")
    deployment.until_quiet()

    stored = deployment.rig.store._objects
    ours = {
        name: stored_.metadata for (bucket, name), stored_ in stored.items() if name != "cat.jpg" and bucket == UPLOADS
    }
    assert len(ours) >= len(TASKS)
    assert [name for name, metadata in ours.items() if not metadata.get(STAMP)] == []


def test_a_kept_dead_letter_carries_the_stamp_too() -> None:
    """Its name and type would pass for an image, if somebody took uploads from that bucket."""
    rig = Rig()
    record_dead_letter(Message(b"?", {}), rig.ports)

    (name,) = rig.store.list_names(WORK, "dead/")
    info = rig.store.stat(WORK, name)
    assert info is not None
    assert STAMP in info.metadata
