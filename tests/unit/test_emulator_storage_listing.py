from __future__ import annotations

import re

import pytest

from infra.emulators.storage.errors import ApiError
from infra.emulators.storage.listing import glob_regex, parse_query
from infra.emulators.storage.models import check_object_name, patched
from infra.emulators.storage.router import Route, json_response


@pytest.mark.parametrize(
    ("glob", "hits", "misses"),
    [
        ("a/*", ["a/", "a/b"], ["a/b/c", "b"]),
        ("a/**", ["a/b", "a/b/c"], ["b/a/c"]),
        ("**/x.png", ["x.png", "a/x.png", "a/b/x.png"], ["ax.png"]),
        ("*.{jpg,png}", ["a.jpg", "b.png"], ["a.gif", "a/b.png", "a.{jpg,png}"]),
        ("?[a-c]", ["xa", "xc"], ["xd", "/a"]),
        ("[!a]", ["b"], ["a"]),
        ("a,b.(c)+", ["a,b.(c)+"], ["aXb"]),
        ("line\n*", ["line\nfeed"], ["line"]),
    ],
)
def test_a_glob_matches_as_the_service_documents(glob: str, hits: list[str], misses: list[str]) -> None:
    pattern = re.compile(glob_regex(glob), re.DOTALL)
    assert [name for name in hits + misses if pattern.fullmatch(name)] == hits


@pytest.mark.parametrize(
    "query", [{"maxResults": "x"}, {"matchGlob": "}"}, {"pageToken": "bm8="}, {"pageToken": "W10="}]
)
def test_parameters_that_make_no_sense_are_refused_with_400(query: dict[str, str]) -> None:
    with pytest.raises(ApiError) as refused:
        parse_query(query)
    assert refused.value.status == 400


def test_a_page_never_holds_more_than_a_thousand_entries() -> None:
    assert [parse_query({"maxResults": n}).limit for n in ("5", "0", "99999")] == [5, 1000, 1000]


def test_a_patch_merges_at_every_level_and_null_removes() -> None:
    before = {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": 4}
    changes = {"a": None, "b": {"c": 9, "d": {"e": None, "g": 5}}, "f": {"h": 6, "i": None}, "j": None}
    assert patched(before, changes) == {"b": {"c": 9, "d": {"g": 5}}, "f": {"h": 6}}
    assert before == {"a": 1, "b": {"c": 2, "d": {"e": 3}}, "f": 4}


@pytest.mark.parametrize("name", ["", ".", "..", "a\nb", "a\rb", "x" * 1025, "\ud800", ".well-known/acme-challenge/x"])
def test_names_the_service_forbids_are_refused_with_400(name: str) -> None:
    with pytest.raises(ApiError) as refused:
        check_object_name(name)
    assert refused.value.status == 400


def test_a_route_takes_placeholders_from_the_raw_path_and_decodes_them() -> None:
    route = Route("x", "GET", "/b/{bucket}/o/{object}", lambda _: json_response({}), {"alt": "media", "any": None})
    query = {"alt": "media", "any": "1"}
    assert route.match("GET", "/b/B/o/a%2Fb%20%C3%A4", query) == {"bucket": "B", "object": "a/b ä"}
    assert route.match("GET", "/b/B/o/a/b", query) is None
    assert route.match("PUT", "/b/B/o/a", query) is None
    assert route.match("GET", "/b/B/o/a", {"alt": "json", "any": "1"}) is None
    assert route.match("GET", "/b/B/o/a", {"alt": "media"}) is None


def test_a_path_that_is_not_utf8_is_refused_with_400() -> None:
    route = Route("x", "GET", "/{object}", lambda _: json_response({}))
    with pytest.raises(ApiError, match="not UTF-8"):
        route.match("GET", "/%FF", {})
