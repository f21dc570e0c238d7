"""Where other storage servers are known to differ from Cloud Storage, by the name in STORAGE_EMULATOR_NAME.

A key is a test's function name, or the name with its parameters in brackets where only those differ. Such a test must
fail there (strict), so that a newer server which got it right is noticed, or is skipped where failing means waiting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class Deviations:
    """What one server does otherwise: test name -> reason."""

    fails: Mapping[str, str] = field(default_factory=dict)
    hangs: Mapping[str, str] = field(default_factory=dict)


OURS_ONLY = frozenset(
    {
        "test_a_rule_that_makes_no_sense_is_refused",
        "test_operations_are_counted_and_their_refusals_too",
        "test_what_the_emulator_cannot_do_is_a_404_that_says_so",
    }
)
"""About our control API or our own limits, though they do not use the `control` fixture."""

_IGNORED = "preconditions are ignored"
_HASHES = "hashes of resumable uploads are not checked"
_GENERATIONS = "a replaced generation answers with the live one"
_PAGES = "listings are not paged"
_NAMES = "names are taken for paths and parts of a URL"
_ESCAPES = "a name with .. ends the connection without an answer, so clients try again for two minutes"

_GCP_STORAGE_EMULATOR = Deviations(
    fails={
        "test_a_second_create_is_refused_and_changes_nothing": _IGNORED,
        "test_sixteen_creates_at_once_have_one_winner": _IGNORED,
        "test_a_replace_needs_the_generation_that_is_live": _IGNORED,
        "test_a_replace_of_generation_zero_creates_only": _IGNORED,
        "test_an_overwritten_generation_is_not_found": _GENERATIONS,
        "test_a_delete_of_another_generation_deletes_nothing": _IGNORED,
        "test_any_legal_name_survives_upload_listing_and_download[a#b?c&d=e;f+g]": _NAMES,
        "test_any_legal_name_survives_upload_listing_and_download[/leading//double/]": _NAMES,
        "test_an_illegal_name_is_refused_with_400": "every name is accepted",
        "test_a_second_create_of_the_same_name_is_refused_with_412": _IGNORED,
        "test_of_sixteen_concurrent_creates_exactly_one_wins": _IGNORED,
        "test_counting_by_generation_match_loses_no_update": _IGNORED,
        "test_a_replaced_generation_is_gone_and_the_new_one_is_greater": _GENERATIONS,
        "test_a_request_whose_precondition_fails_changes_nothing": _IGNORED,
        "test_a_read_of_what_has_not_changed_answers_304": _IGNORED,
        "test_metadata_and_headers_come_back_as_they_were_written": "metadata beyond Latin-1 breaks the download",
        "test_metadata_that_no_header_can_hold_does_not_break_the_download": "such metadata breaks the download",
        "test_a_patch_merges_metadata_and_raises_only_the_metageneration": "a patch replaces all metadata",
        "test_an_error_body_names_code_reason_and_message": "the body of a 404 is empty",
        "test_a_copy_and_a_rewrite_keep_bytes_and_metadata_and_honour_preconditions": _IGNORED,
        "test_compose_concatenates_and_move_renames": "a composed object has no component count",
        "test_versioning_keeps_replaced_and_deleted_generations": "versioning is not done",
        "test_a_deleted_object_can_be_restored_as_a_new_generation": "a restored object is still listed as deleted",
        "test_a_bucket_is_created_once_patched_and_deleted_when_empty": "every bucket is of class STANDARD",
        "test_an_object_under_a_hold_is_neither_deleted_nor_replaced": "holds are stored, not done",
        "test_a_bucket_can_hold_every_new_object": "holds are stored, not done",
        "test_a_listing_holds_what_its_options_select[options4-names4-prefixes4]": "a trailing delimiter is left out",
        "test_a_listing_holds_what_its_options_select[options5-names5-prefixes5]": "offsets are ignored",
        "test_pages_follow_one_another_without_loss_or_repeat": _PAGES,
        "test_a_page_counts_prefixes_like_objects": _PAGES,
        "test_a_listing_stops_at_max_results": _PAGES,
        "test_an_unreadable_listing_parameter_is_refused_with_400": "such parameters are ignored",
        "test_an_interrupted_upload_says_how_much_arrived_and_goes_on_from_there": "a finished upload is forgotten",
        "test_bytes_that_are_sent_twice_count_once": "bytes that are sent again are refused",
        "test_a_gap_in_an_upload_is_refused_and_nothing_of_it_kept": "a gap is answered with 400",
        "test_a_cancelled_upload_is_gone": "uploads cannot be cancelled",
        "test_a_resumable_upload_that_lost_the_race_is_refused_at_its_end": _IGNORED,
        "test_a_wrong_hash_of_a_resumable_upload_is_refused_with_400": _HASHES,
        "test_a_download_returns_the_range_that_was_asked_for": "a range that counts from the end is ignored",
        "test_the_media_link_leads_to_this_emulator_and_this_generation": "names in links are not escaped",
        "test_gzip_is_unpacked_for_those_who_cannot": "gzip is never unpacked",
        "test_parallel_parts_and_parallel_ranges_make_the_same_object": "XML multipart uploads are not implemented",
    },
    hangs={
        "test_every_legal_name_is_a_name_of_its_own[..]": _ESCAPES,
        "test_every_legal_name_is_a_name_of_its_own[../up]": _ESCAPES,
        "test_any_legal_name_survives_upload_listing_and_download[../up/./and/../down]": _ESCAPES,
        "test_an_illegal_name_is_refused_with_400[..]": _ESCAPES,
        "test_a_sender_that_stalls_blocks_nobody": "one request is served at a time",
    },
)

DEVIATIONS = {"gcp-storage-emulator": _GCP_STORAGE_EMULATOR}
"""Server name -> what it does otherwise."""


def known(name: str | None) -> Deviations:
    """Return what the server called `name` does otherwise; no name, nothing known.

    Raises pytest.UsageError for a name without an entry.
    """
    if not name:
        return Deviations()
    if name not in DEVIATIONS:
        expected = ", ".join(sorted(DEVIATIONS))
        message = (
            f"STORAGE_EMULATOR_NAME is {name!r}, expected one of: {expected}; unset it or add the server to {__name__}"
        )
        raise pytest.UsageError(message)
    return DEVIATIONS[name]


def mark(request: pytest.FixtureRequest, deviations: Deviations) -> None:
    """Skip the requesting test, or expect it to fail, where the given server is known to differ."""
    names = _names(request)
    for name in names & deviations.hangs.keys():
        pytest.skip(f"known deviation: {deviations.hangs[name]}")
    for name in names & deviations.fails.keys():
        request.applymarker(pytest.mark.xfail(strict=True, reason=f"known deviation: {deviations.fails[name]}"))


def _names(request: pytest.FixtureRequest) -> set[str]:
    """Return the names a table may call the test by: the function's, and that with its parameters but the server."""
    function = str(request.node.originalname)
    parameters = "-".join(part for part in request.node.callspec.id.split("-") if part != "given")
    return {function, f"{function}[{parameters}]"}
