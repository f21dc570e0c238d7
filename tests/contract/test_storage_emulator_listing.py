from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import requests
from google.api_core import exceptions

from tests.waiting import WAIT_S

if TYPE_CHECKING:
    from tests.contract.storage_rig import Rig

pytest_plugins = ["tests.contract.storage_fixtures"]

NAMES = ["a/", "a/1", "a/2", "a/b/3", "c", "d/4"]


def fill(storage: Rig, names: list[str]) -> None:
    for name in names:
        storage.bucket.blob(name).upload_from_string(b"x")


@pytest.mark.parametrize(
    ("options", "names", "prefixes"),
    [
        ({}, NAMES, set()),
        ({"prefix": "a/"}, ["a/", "a/1", "a/2", "a/b/3"], set()),
        ({"delimiter": "/"}, ["c"], {"a/", "d/"}),
        ({"prefix": "a/", "delimiter": "/"}, ["a/", "a/1", "a/2"], {"a/b/"}),
        ({"delimiter": "/", "include_trailing_delimiter": True}, ["a/", "c"], {"a/", "d/"}),
        ({"start_offset": "a/2", "end_offset": "d"}, ["a/2", "a/b/3", "c"], set()),
        ({"match_glob": "a/*"}, ["a/", "a/1", "a/2"], set()),
        ({"match_glob": "**/[34]"}, ["a/b/3", "d/4"], set()),
    ],
)
def test_a_listing_holds_what_its_options_select(
    storage: Rig, options: dict[str, object], names: list[str], prefixes: set[str]
) -> None:
    fill(storage, NAMES)
    listing = storage.bucket.list_blobs(**options)
    assert [blob.name for blob in listing] == names
    assert listing.prefixes == prefixes


def test_pages_follow_one_another_without_loss_or_repeat(storage: Rig) -> None:
    fill(storage, NAMES)
    pages = [[blob.name for blob in page] for page in storage.bucket.list_blobs(page_size=2).pages]
    assert pages == [["a/", "a/1"], ["a/2", "a/b/3"], ["c", "d/4"]]


def test_a_page_counts_prefixes_like_objects(storage: Rig) -> None:
    fill(storage, NAMES)
    listing = storage.bucket.list_blobs(delimiter="/", page_size=1)
    assert [[blob.name for blob in page] for page in listing.pages] == [[], ["c"], []]
    assert listing.prefixes == {"a/", "d/"}


def test_a_listing_stops_at_max_results(storage: Rig) -> None:
    fill(storage, NAMES)
    assert [blob.name for blob in storage.bucket.list_blobs(max_results=3)] == ["a/", "a/1", "a/2"]


def test_a_bucket_that_does_not_exist_is_a_404_for_listing_and_writing(storage: Rig) -> None:
    missing = storage.client.bucket("missing-bucket")
    with pytest.raises(exceptions.NotFound):
        list(missing.list_blobs())
    with pytest.raises(exceptions.NotFound):
        missing.blob("o").upload_from_string(b"x")


@pytest.mark.parametrize("query", ["matchGlob={", "maxResults=x", "pageToken=%25", "pageToken=bm8"])
def test_an_unreadable_listing_parameter_is_refused_with_400(storage: Rig, query: str) -> None:
    answer = requests.get(f"{storage.url}/storage/v1/b/{storage.bucket.name}/o?{query}", timeout=WAIT_S)
    assert answer.status_code == 400
