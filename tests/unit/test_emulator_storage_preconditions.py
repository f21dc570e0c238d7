from __future__ import annotations

import pytest

from infra.emulators.storage.errors import ApiError
from infra.emulators.storage.preconditions import MISSING, Conditions, check_etag, from_headers, from_query

STAMP = (70, 3)


@pytest.mark.parametrize(
    "conditions",
    [
        Conditions(),
        Conditions(generation_match=70),
        Conditions(generation_not_match=71),
        Conditions(generation_not_match=0),
        Conditions(metageneration_match=3, generation_match=70),
        Conditions(metageneration_not_match=2),
    ],
)
def test_conditions_that_hold_pass(conditions: Conditions) -> None:
    conditions.check(STAMP)


@pytest.mark.parametrize(
    ("conditions", "status_of_write", "status_of_read"),
    [
        (Conditions(generation_match=71), 412, 412),
        (Conditions(generation_match=0), 412, 412),
        (Conditions(metageneration_match=2), 412, 412),
        (Conditions(generation_not_match=70), 412, 304),
        (Conditions(metageneration_not_match=3), 412, 304),
        (Conditions(metageneration_match=2, generation_not_match=70), 412, 412),
    ],
)
def test_conditions_that_fail_are_a_412_or_for_an_unchanged_read_a_304(
    conditions: Conditions, status_of_write: int, status_of_read: int
) -> None:
    with pytest.raises(ApiError) as write:
        conditions.check(STAMP)
    with pytest.raises(ApiError) as read:
        conditions.check(STAMP, reading=True)
    assert (write.value.status, read.value.status) == (status_of_write, status_of_read)


def test_generation_zero_means_must_not_exist() -> None:
    Conditions(generation_match=0).check(MISSING)
    with pytest.raises(ApiError):
        Conditions(generation_not_match=0).check(MISSING)


def test_conditions_are_read_by_their_prefix() -> None:
    query = {"ifGenerationMatch": "1", "ifMetagenerationNotMatch": "2", "ifSourceGenerationNotMatch": "3"}
    assert from_query(query) == Conditions(generation_match=1, metageneration_not_match=2)
    assert from_query(query, prefix="ifSource") == Conditions(generation_not_match=3)


def test_the_xml_api_has_its_conditions_in_headers() -> None:
    assert from_headers({"x-goog-if-generation-match": "0"}) == Conditions(generation_match=0)


def test_a_condition_that_is_no_number_is_refused_with_400() -> None:
    with pytest.raises(ApiError, match="expected an integer, found 'one'") as refused:
        from_query({"ifGenerationMatch": "one"})
    assert refused.value.status == 400


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, None),
        ({"if-match": '"tag"'}, None),
        ({"if-match": "*"}, None),
        ({"if-match": '"a", "tag"'}, None),
        ({"if-match": '"a"'}, 412),
        ({"if-none-match": '"a"'}, None),
        ({"if-none-match": 'tag"'}, 304),
        ({"if-none-match": "*"}, 304),
    ],
)
def test_etags_decide_over_reads(headers: dict[str, str], status: int | None) -> None:
    found = None
    try:
        check_etag(headers, "tag")
    except ApiError as error:
        found = error.status
    assert found == status
