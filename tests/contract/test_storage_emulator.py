from __future__ import annotations

import concurrent.futures
import email.utils
from typing import TYPE_CHECKING, Any

import pytest
import requests
from google.api_core import exceptions

from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.contract.storage_rig import Rig

pytest_plugins = ["tests.contract.storage_fixtures"]

ODD_NAMES = [
    "with space.jpg",
    "Müller/größe.png",
    "100%/a%2Fb",
    "a#b?c&d=e;f+g",
    "../up/./and/../down",
    "/leading//double/",
    "🦊/emoji.webp",
    "tab\tbell\x07escape\x1bdelete\x7f",
    'quote"back\\slash',
    "x" * 1024,
    "ü" * 512,
]


@pytest.mark.parametrize("name", ODD_NAMES)
def test_any_legal_name_survives_upload_listing_and_download(storage: Rig, name: str) -> None:
    storage.bucket.blob(name).upload_from_string(name.encode())
    assert [blob.name for blob in storage.bucket.list_blobs()] == [name]
    assert storage.bucket.get_blob(name).download_as_bytes() == name.encode()
    storage.bucket.blob(name).delete()
    assert not storage.bucket.blob(name).exists()


@pytest.mark.parametrize("name", ["line\nfeed", "carriage\rreturn", "..", "ü" * 513])
def test_an_illegal_name_is_refused_with_400(storage: Rig, name: str) -> None:
    with pytest.raises(exceptions.BadRequest, match="Invalid object name"):
        storage.bucket.blob(name).upload_from_string(b"x")


@pytest.mark.parametrize("body", [b"", b"\r\n", b"\n\r\n\r\n--", b"\x00" * 3, bytes(range(256)) * 5000])
def test_bodies_come_back_byte_for_byte(storage: Rig, body: bytes) -> None:
    storage.bucket.blob("o").upload_from_string(body)
    blob = storage.bucket.get_blob("o")
    assert blob.size == len(body)
    assert blob.download_as_bytes() == body


def test_a_second_create_of_the_same_name_is_refused_with_412(storage: Rig) -> None:
    storage.bucket.blob("o").upload_from_string(b"first", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        storage.bucket.blob("o").upload_from_string(b"second", if_generation_match=0)
    assert storage.bucket.blob("o").download_as_bytes() == b"first"


def test_of_sixteen_concurrent_creates_exactly_one_wins(storage: Rig) -> None:
    url = storage.upload_url("media", "o", ifGenerationMatch="0")
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda n: requests.post(url, data=b"%d" % n * 2000, timeout=WAIT_S), range(16)))
    assert sorted(answer.status_code for answer in answers) == [200] + [412] * 15
    winner = next(n for n, answer in enumerate(answers) if answer.status_code == 200)
    assert storage.bucket.blob("o").download_as_bytes() == b"%d" % winner * 2000


def test_counting_by_generation_match_loses_no_update(storage: Rig) -> None:
    storage.bucket.blob("o").upload_from_string(b"0")

    def increment_five_times(_: int) -> None:
        done = 0
        while done < 5:
            try:
                blob = storage.bucket.get_blob("o")
                value = int(blob.download_as_bytes()) + 1
                storage.bucket.blob("o").upload_from_string(str(value), if_generation_match=blob.generation)
                done += 1
            except (exceptions.PreconditionFailed, exceptions.NotFound):
                continue

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(increment_five_times, range(4)))
    assert storage.bucket.blob("o").download_as_bytes() == b"20"


def test_a_replaced_generation_is_gone_and_the_new_one_is_greater(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"1")
    first = blob.generation
    blob.upload_from_string(b"2", if_generation_match=first)
    assert blob.generation > first
    with pytest.raises(exceptions.NotFound):
        storage.bucket.blob("o", generation=first).download_as_bytes()


@pytest.mark.parametrize(
    "act",
    [
        lambda blob, wrong: blob.reload(if_generation_match=wrong),
        lambda blob, wrong: blob.download_as_bytes(if_generation_match=wrong),
        lambda blob, _: blob.download_as_bytes(if_metageneration_match=2),
        lambda blob, wrong: blob.upload_from_string(b"2", if_generation_match=wrong),
        lambda blob, _: blob.upload_from_string(b"2", if_generation_not_match=blob.generation),
        lambda blob, _: blob.patch(if_metageneration_match=2),
        lambda blob, wrong: blob.delete(if_generation_match=wrong),
        lambda blob, _: blob.delete(if_metageneration_not_match=1),
        lambda blob, wrong: blob.bucket.blob("new").upload_from_string(b"2", if_generation_match=wrong),
    ],
)
def test_a_request_whose_precondition_fails_changes_nothing(storage: Rig, act: Callable[[Any, int], object]) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"1")
    with pytest.raises(exceptions.PreconditionFailed):
        act(blob, blob.generation + 1)
    assert [listed.metageneration for listed in storage.bucket.list_blobs()] == [1]
    assert blob.download_as_bytes(if_generation_match=blob.generation) == b"1"


def test_a_read_of_what_has_not_changed_answers_304(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"1")
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_generation_not_match=blob.generation)
    with pytest.raises(exceptions.NotModified):
        blob.reload(if_etag_not_match=blob.etag)


def test_metadata_and_headers_come_back_as_they_were_written(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.metadata = {"uplook-tasks": "caption,ask", "Frage": "Was ist das? ü 🦊"}
    blob.cache_control, blob.content_disposition, blob.content_language = "no-store", 'inline; filename="ü"', "de"
    blob.upload_from_string(b"x", content_type="image/png")
    read = storage.bucket.get_blob("o")
    assert read.metadata == {"uplook-tasks": "caption,ask", "Frage": "Was ist das? ü 🦊"}
    assert (read.content_type, read.cache_control, read.content_language) == ("image/png", "no-store", "de")
    assert requests.get(storage.media_url("o"), timeout=WAIT_S).headers["content-type"] == "image/png"


def test_metadata_that_no_header_can_hold_does_not_break_the_download(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.upload_from_string(b"x")
    blob.metadata = {"größe in cm": "3", "note": "two\nlines\x00", "plain": "ü"}
    blob.content_type = "image/png;\r\n x"
    blob.patch()
    answer = requests.get(storage.media_url("o"), timeout=WAIT_S)
    assert (answer.content, answer.headers["content-type"]) == (b"x", "image/png;  x")
    custom = {name: value for name, value in answer.headers.items() if name.startswith("x-goog-meta-")}
    assert custom == {"x-goog-meta-note": "two lines", "x-goog-meta-plain": "Ã¼"}
    assert storage.bucket.get_blob("o").metadata == blob.metadata


def test_a_patch_merges_metadata_and_raises_only_the_metageneration(storage: Rig) -> None:
    blob = storage.bucket.blob("o")
    blob.metadata = {"keep": "1", "drop": "2"}
    blob.upload_from_string(b"x")
    before = blob.generation, blob.etag
    blob.metadata = {"drop": None, "new": "3"}
    blob.patch()
    assert blob.metadata == {"keep": "1", "new": "3"}
    assert (blob.generation, blob.metageneration) == (before[0], 2)
    assert blob.etag != before[1]


def test_an_error_body_names_code_reason_and_message(storage: Rig) -> None:
    answer = requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}/o/none", timeout=WAIT_S)
    message = f"No such object: {storage.bucket.name}/none"
    detail = {"message": message, "domain": "global", "reason": "notFound"}
    assert answer.status_code == 404
    assert answer.json() == {"error": {"code": 404, "message": message, "errors": [detail]}}


def test_what_the_emulator_cannot_do_is_a_404_that_says_so(storage: Rig) -> None:
    answer = requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}/acl", timeout=WAIT_S)
    assert (answer.status_code, "no such operation" in answer.json()["error"]["message"]) == (404, True)


def test_every_answer_tells_the_server_time(storage: Rig) -> None:
    answer = requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}", timeout=WAIT_S)
    assert email.utils.parsedate_to_datetime(answer.headers["date"]).tzinfo is not None


def test_a_batch_answers_each_call_on_its_own(storage: Rig) -> None:
    for name in ("ä 1", "2"):
        storage.bucket.blob(name).upload_from_string(b"x")
    with storage.client.batch(raise_exception=False) as batch:
        for name in ("ä 1", "none", "2"):
            storage.bucket.blob(name).delete()
    assert [answer.status_code for answer in batch._responses] == [204, 404, 204]
    assert not list(storage.bucket.list_blobs())


def test_operations_are_counted_and_their_refusals_too(storage: Rig) -> None:
    before = requests.get(f"{storage.url}/_control/stats", timeout=WAIT_S).json()
    storage.bucket.blob("o").upload_from_string(b"x", if_generation_match=0)
    with pytest.raises(exceptions.PreconditionFailed):
        storage.bucket.blob("o").upload_from_string(b"x", if_generation_match=0)
    storage.bucket.blob("o").download_as_bytes()
    storage.bucket.get_blob("o")
    after = requests.get(f"{storage.url}/_control/stats", timeout=WAIT_S).json()
    names = ("object.insert", "object.insert:412", "object.download", "object.get")
    assert [after[name] - before.get(name, 0) for name in names] == [2, 1, 1, 1]
