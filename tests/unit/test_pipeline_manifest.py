"""One question about several images: gathered, pinned, asked once, and recorded so that a replay needs nothing else."""

from __future__ import annotations

import dataclasses
import json
import threading
from typing import TYPE_CHECKING, Any

import pytest

from shared.core import jsontext
from shared.core.errors import FileUnavailableError, TransientError
from shared.core.events.envelopes import ImageEvent, Upload, format_image_event, parse_image_event
from shared.core.gemini import transport
from shared.core.gemini.request import InlineImage, ReferencedImage
from shared.core.planning.plan import plan
from shared.core.planning.rules import parse_rules
from shared.core.results import schemas
from shared.core.values import Source
from shared.pipeline.worker import inputs
from shared.pipeline.worker.analyze import analyze
from tests.rig import SETTINGS, UPLOADS, Rig, picture
from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Sequence

WEB = "https://images.example.com/d.webp?signature=hidden"
RULES = parse_rules('[defaults]\ntasks = ["caption"]\n')
OPEN = dataclasses.replace(SETTINGS, image_url_origins=("https://images.example.com",))


def _manifest(rig: Rig, images: Sequence[str], **more: str) -> ImageEvent:
    """Put a manifest into the uploads bucket and return the one event that ingest makes of it."""
    document = {"schema": "uplook.manifest/1", "question": "Which {is} older?", "images": images, **more}
    data = json.dumps(document).encode()
    name = "trip/which.uplook.json"
    generation = rig.store.create(UPLOADS, name, data, content_type="application/json")
    source = Source(UPLOADS, name, generation, len(data), "application/json", jsontext.crc32c(data))
    (event,) = plan(Upload(source), RULES, run="v1").events
    return parse_image_event(format_image_event(event).data)


def _put(rig: Rig, name: str, data: bytes) -> int:
    return rig.store.create(UPLOADS, name, data, content_type="image/jpeg")


def _ask(rig: Rig, images: Sequence[str], **more: str) -> dict[str, Any]:
    event = _manifest(rig, images, **more)
    analyze(event, rig.ports)
    document = rig.document(event)
    assert schemas.problem(document) is None
    return document


def test_all_images_travel_in_one_request_in_their_order_and_the_answer_lies_beside_the_manifest() -> None:
    rig = Rig(settings=OPEN)
    first, second, third = picture(80, 60), picture(60, 90, image_format="PNG"), picture(40, 40, image_format="WEBP")
    _put(rig, "trip/a.jpg", first)
    generation = _put(rig, "b.png", second)
    rig.web.pages[WEB] = third

    document = _ask(rig, ["a.jpg", "gs://uploads/b.png", WEB])

    (request,) = rig.model.requests
    assert request.images == tuple(
        InlineImage(data, f"image/{kind}") for data, kind in ((first, "jpeg"), (second, "png"), (third, "webp"))
    )
    assert "Which {is} older?" in request.prompt
    assert (document["status"], document["answer"], document["question"]) == ("ok", "The square.", "Which {is} older?")
    assert (document["image"], document["transport"]) == (None, None)
    seen = document["images"]
    assert [(each["width"], each["height"]) for each in seen] == [(80, 60), (60, 90), (40, 40)]
    assert seen[1]["uri"] == "gs://uploads/b.png"
    assert (seen[1]["generation"], seen[1]["crc32c"]) == (str(generation), jsontext.crc32c(second))
    assert (seen[2]["uri"], seen[2]["generation"]) == ("https://images.example.com/d.webp?…", None)
    assert len(seen[2]["sha256"]) == 64
    assert "hidden" not in json.dumps(document)


def test_the_manifests_language_is_asked_for() -> None:
    rig = Rig()
    _put(rig, "trip/a.jpg", picture())

    _ask(rig, ["a.jpg"], language="German")

    assert rig.model.requests[0].prompt.endswith("Write the text of the answer in German.")


def test_small_images_travel_inline_and_large_ones_by_the_files_api_in_one_prompt() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=15_000))
    for name, data in (("a", picture()), ("b", picture() + b"\0" * 50_000), ("c", picture(60, 60))):
        _put(rig, f"trip/{name}.jpg", data)

    document = _ask(rig, ["a.jpg", "b.jpg", "c.jpg"])

    assert [type(part) for part in rig.model.requests[0].images] == [InlineImage, ReferencedImage, InlineImage]
    assert [each["transport"]["kind"] for each in document["images"]] == ["inline", "file", "inline"]


def test_a_replay_needs_neither_the_manifest_nor_its_images() -> None:
    rig = Rig()
    _put(rig, "trip/a.jpg", picture())
    event = _manifest(rig, ["a.jpg"])
    rig.publisher.faults.add("publish", TransientError("away"))
    with pytest.raises(TransientError):
        analyze(event, rig.ports)
    before = rig.document(event)
    rig.store.delete("results", f"v1/uploads/{event.source.name}/{event.source.generation}/ask.json")
    for name in ("trip/a.jpg", event.source.name):
        rig.store.delete(UPLOADS, name)

    analyze(event, rig.ports)

    assert len(rig.model.requests) == 1
    assert rig.document(event) == before


def test_everything_that_is_wrong_with_the_images_is_one_failure_that_a_redrive_can_mend() -> None:
    rig = Rig(settings=OPEN)
    _put(rig, "trip/list.jpg", b"two lemons and a loaf of bread")
    event = _manifest(rig, ["missing.jpg", "list.jpg", WEB])

    analyze(event, rig.ports)

    document = rig.document(event, error=0)
    assert (document["status"], document["error"]["code"]) == ("failed", "bad_manifest_image")
    message = document["error"]["message"]
    assert "images[0]: gs://uploads/trip/missing.jpg does not exist" in message
    assert "images[1]: Expected an image" in message
    assert "images[2]" in message
    assert rig.model.requests == []


def test_a_manifest_that_names_a_foreign_bucket_or_origin_reads_nothing_there() -> None:
    rig = Rig(settings=OPEN)
    event = _manifest(rig, ["gs://results/v1/a.json", "http://169.254.169.254/latest"])

    analyze(event, rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "bad_manifest"
    assert rig.web.faults.calls["fetch"] == 0


def test_more_images_from_the_web_than_a_worker_can_hold_are_refused_before_all_are_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(inputs, "MAX_TOTAL_BYTES", 2000)
    rig = Rig(settings=OPEN)
    pages = [f"https://images.example.com/{name}.jpg" for name in "abcdef"]
    rig.web.pages |= dict.fromkeys(pages, picture())
    event = _manifest(rig, pages)

    analyze(event, rig.ports)

    assert rig.document(event, error=0)["error"]["code"] == "too_many_bytes"
    assert rig.web.faults.calls["fetch"] < len(pages)


def test_a_manifest_that_is_gone_is_skipped() -> None:
    rig = Rig()
    event = _manifest(rig, ["a.jpg"])
    rig.store.delete(UPLOADS, event.source.name)

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "skipped"


def test_a_file_that_expired_is_uploaded_again_and_inline_images_stay_what_they_were() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=15_000))
    _put(rig, "trip/a.jpg", picture())
    _put(rig, "trip/b.jpg", picture() + b"\0" * 50_000)
    rig.model.faults.add("generate", FileUnavailableError("403"))

    document = _ask(rig, ["a.jpg", "b.jpg"])

    assert rig.model.faults.calls["upload"] == 2
    assert rig.model.requests[0].images[0] == rig.model.requests[1].images[0]
    assert document["status"] == "ok"


def _by_address(rig: Rig, names: str) -> ImageEvent:
    """Name images that lie in the bucket; each would fit the request, not all of them."""
    for name in names:
        _put(rig, f"trip/{name}.jpg", picture() + b"\0" * 2000)
    return _manifest(rig, [f"{name}.jpg" for name in names])


TIGHT = dataclasses.replace(
    SETTINGS, enterprise=True, project="p", inline_limit_bytes=30_000, inline_hard_limit_bytes=30_000
)


def test_one_object_that_vertex_cannot_read_travels_inline_and_the_others_by_their_addresses() -> None:
    rig = Rig(settings=TIGHT)
    event = _by_address(rig, "abcdefghijklmnop")
    rig.model.faults.add("generate", FileUnavailableError("404 Cannot find gs://uploads/trip/b.jpg."))

    analyze(event, rig.ports)

    inline = [isinstance(part, InlineImage) for part in rig.model.requests[1].images]
    assert inline == [name == "b" for name in "abcdefghijklmnop"]
    assert rig.document(event)["status"] == "ok"


def test_objects_that_vertex_cannot_read_and_that_do_not_fit_the_request_may_be_readable_later() -> None:
    rig = Rig(settings=TIGHT)
    event = _by_address(rig, "abcdefghijklmnop")
    rig.model.faults.add("generate", FileUnavailableError("404 Cannot find gs://…"))

    with pytest.raises(TransientError, match="16 images would have to travel inline"):
        analyze(event, rig.ports)
    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"


def test_more_inline_images_than_vertex_takes_are_refused_in_words() -> None:
    rig = Rig(settings=dataclasses.replace(TIGHT, storage_emulator_host="http://127.0.0.1:9"))  # no addresses then
    event = _by_address(rig, "abcdefghijklmnop")

    analyze(event, rig.ports)

    error = rig.document(event, error=0)["error"]
    assert (error["code"], "images would have to travel inline" in error["message"]) == ("too_many_bytes", True)


def test_one_file_that_expired_among_several_is_uploaded_again_alone() -> None:
    rig = Rig(settings=dataclasses.replace(SETTINGS, inline_limit_bytes=2000))
    datas = [picture() + bytes([number]) * 5000 for number in range(3)]
    for number, data in enumerate(datas):
        _put(rig, f"trip/{number}.jpg", data)
    file = transport.file_name(datas[1]).removeprefix("files/")
    rig.model.faults.add(
        "generate", FileUnavailableError(f"403 You may not access the File {file} or it may not exist.")
    )

    document = _ask(rig, ["0.jpg", "1.jpg", "2.jpg"])

    assert (rig.model.faults.calls["upload"], rig.model.faults.calls["delete_file"]) == (4, 1)
    assert document["status"] == "ok"


def test_the_images_of_a_manifest_are_looked_up_several_at_a_time() -> None:
    rig = Rig()
    for name in "abc":
        _put(rig, f"trip/{name}.jpg", picture())
    event = _manifest(rig, ["a.jpg", "b.jpg", "c.jpg"])
    stat, everyone = rig.store.stat, threading.Barrier(3, timeout=WAIT_S)

    def stat_with_the_others(bucket: str, name: str) -> Any:
        if name.startswith("trip/") and name.endswith(".jpg"):
            everyone.wait()
        return stat(bucket, name)

    rig.store.stat = stat_with_the_others  # type: ignore[method-assign]

    analyze(event, rig.ports)

    assert rig.document(event)["status"] == "ok"


def test_images_too_large_together_are_refused_before_a_byte_of_them_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inputs, "MAX_TOTAL_BYTES", 2000)
    rig = Rig()
    for name in "abcdef":
        _put(rig, f"trip/{name}.jpg", picture())
    event = _manifest(rig, [f"{name}.jpg" for name in "abcdef"])

    analyze(event, rig.ports)

    assert rig.store.faults.calls["read"] == 1  # the manifest
    assert rig.document(event, error=0)["error"]["code"] == "too_many_bytes"


def test_an_image_that_is_overwritten_between_pinning_and_reading_is_pinned_anew_by_a_redelivery() -> None:
    rig = Rig()
    generation = _put(rig, "trip/a.jpg", picture())
    event = _manifest(rig, ["a.jpg"])
    stat = rig.store.stat

    def overwritten_behind_the_look(bucket: str, name: str) -> object:
        found = stat(bucket, name)
        if name == "trip/a.jpg":
            rig.store.stat = stat  # type: ignore[method-assign]
            rig.store.replace(UPLOADS, name, picture(90, 90), generation=generation, content_type="image/jpeg")
        return found

    rig.store.stat = overwritten_behind_the_look  # type: ignore[method-assign, assignment]
    with pytest.raises(TransientError, match="changed while it was read"):
        analyze(event, rig.ports)
    analyze(event, rig.ports)

    assert rig.document(event)["images"][0]["width"] == 90


def test_whatever_tasks_images_get_a_manifest_is_one_question_without_a_byte_read() -> None:
    rig = Rig()
    event = _manifest(rig, ["a.jpg"])

    assert (event.task, event.settings.question) == ("ask", None)
    assert rig.store.faults.calls["read"] == 0


def test_a_rule_can_exclude_manifests() -> None:
    rules = parse_rules('[defaults]\ntasks = ["caption"]\n[[rules]]\nprefix = "trip/"\nexclude = true\n')
    source = Source(UPLOADS, "trip/a.uplook.json", 1)

    assert plan(Upload(source), rules, run="v1").left_out == "excluded by a rule"


@pytest.mark.fault(145)
@pytest.mark.parametrize(
    ("image", "code", "reason"),
    [
        ("gs://uploads/hr/salaries.jpg", "bad_manifest_image", "images[0] gs://uploads/hr/salaries.jpg: excluded"),
        ("gs://private/salaries.jpg", "bad_manifest", "private is not an upload bucket (UPLOAD_BUCKETS)"),
    ],
)
def test_a_manifest_elsewhere_asks_nothing_about_an_image_that_the_rules_protect(
    image: str, code: str, reason: str
) -> None:
    """Whoever may upload to one folder could have had a picture of any other one read out."""
    rules = parse_rules('[defaults]\ntasks = ["caption"]\n[[rules]]\nprefix = "hr/"\nexclude = true')
    rig = Rig(rules=rules)
    _put(rig, "hr/salaries.jpg", picture())
    event = _manifest(rig, [image])
    read, names = rig.store.read, list[str]()

    def note(bucket: str, name: str, **options: Any) -> bytes:
        names.append(f"{bucket}/{name}")
        return read(bucket, name, **options)

    rig.store.read = note  # type: ignore[method-assign]

    analyze(event, rig.ports)

    error = json.loads(
        read("results", f"v1/uploads/{event.source.name}/{event.source.generation}/ask.error-0.json", max_bytes=10**6)
    )["error"]
    assert error["code"] == code
    assert reason in error["message"]
    assert rig.model.requests == []
    assert [name for name in names if "salaries" in name] == []  # whether it is there at all is not even looked up
