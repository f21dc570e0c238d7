"""Object names are safe, never too long, and never shared by two pieces of work."""

from __future__ import annotations

import itertools
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.core.naming import (
    MAX_NAME_BYTES,
    MAX_REDRIVE,
    Paths,
    decode_object_name,
    encode_object_name,
    is_bucket_name,
    is_object_name,
    is_run_name,
    is_task_name,
    paths,
    task_of,
)
from shared.core.values import Source

ROOM = 1024
LONGEST_BUCKET = "b" * 222
LONGEST_RUN = "r" * 32
LONGEST_TASK = "t" * 32
LONGEST_GENERATION = 2**63 - 1

# What Cloud Storage takes: 1-1024 bytes of UTF-8 without CR and LF. Letters that mean something here come up often.
_CHARS = st.sampled_from("/.%~#2EFaä🍋\u2028\x00") | st.characters(exclude_categories=["Cs"], exclude_characters="\r\n")
_TEXTS = st.text(_CHARS, min_size=1, max_size=60) | st.text("/.%~2E", min_size=1, max_size=12)
object_names = st.builds(
    lambda text, times: (text * times).encode()[:1024].decode(errors="ignore"), _TEXTS, st.sampled_from([1, 1, 1, 1024])
).filter(lambda name: name not in {"", ".", ".."})


@pytest.mark.fault(26, 28)
@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("cat.jpg", "cat.jpg"),
        ("Köln/Straße 1.jpg", "Köln/Straße 1.jpg"),
        ("🍋/🍞.png", "🍋/🍞.png"),
        ("a#1.jpg", "a%231.jpg"),
        ("100%.jpg", "100%25.jpg"),
        ("a%2Fb", "a%252Fb"),
        ("~/cat.jpg", "%7E/cat.jpg"),
        ("a/../../b", "a/%2E%2E/%2E%2E/b"),
        ("./a/.", "%2E/a/%2E"),
        (".../.hidden", ".../.hidden"),
        ("/a", "%2Fa"),
        ("//a//b//", "%2F/a%2F/b%2F%2F"),
        ("/..", "%2F%2E%2E"),
        ("a\\b", "a%5Cb"),
        ("[x]*?", "%5Bx%5D%2A%3F"),
        ("tab\there", "tab%09here"),
        ("line\u2028end\u2029", "line%E2%80%A8end%E2%80%A9"),
    ],
)
def test_an_ordinary_name_stays_readable_and_an_odd_one_is_escaped(name: str, encoded: str) -> None:
    assert encode_object_name(name, max_bytes=ROOM) == encoded
    assert decode_object_name(encoded) == name


@pytest.mark.fault(26, 28)
@given(object_names)
@example("%" * 1024)
@example("🍋" * 256)
@example("\u2028" * 341)
@example("/" * 1024)
@example("\x00" * 1024)
@example("./" * 512)
def test_no_segment_can_be_misread_and_the_cap_holds_for_every_name(name: str) -> None:
    encoded = encode_object_name(name, max_bytes=ROOM - 344)

    assert 1 <= len(encoded.encode()) <= ROOM - 344
    assert not {"", ".", ".."} & set(encoded.split("/"))
    assert not [char for char in encoded if unicodedata.category(char) in {"Cc", "Zl", "Zp"}]
    assert not set("#[]*?\\") & set(encoded)


@given(object_names, st.integers(40, 3 * 1024))
def test_a_name_comes_back_unless_it_was_shortened(name: str, max_bytes: int) -> None:
    encoded = encode_object_name(name, max_bytes=max_bytes)

    assert decode_object_name(encoded) == (None if "~" in encoded else name)


@pytest.mark.fault(25)
@given(object_names, object_names, st.integers(40, 200))
def test_two_names_never_share_an_encoding(one: str, other: str, max_bytes: int) -> None:
    """Both sides of the cap meet here: shortened with shortened, and shortened with ordinary."""
    encodings = {encode_object_name(name, max_bytes=max_bytes) for name in (one, other)}

    assert len(encodings) == len({one, other})


@given(object_names, st.integers(40, 200))
def test_a_name_that_equals_the_short_form_of_another_gets_a_form_of_its_own(name: str, max_bytes: int) -> None:
    short = encode_object_name(name + "x" * 200, max_bytes=max_bytes)

    assert "~" in short
    assert encode_object_name(short, max_bytes=max_bytes) != short


@pytest.mark.fault(25)
@given(object_names.map(lambda name: name + "é"))
def test_two_ways_to_write_one_accent_are_two_names(name: str) -> None:
    """Cloud Storage keeps both, so both must have a result."""
    twins = {unicodedata.normalize(form, name) for form in ("NFC", "NFD")}

    assert len({encode_object_name(twin, max_bytes=ROOM * 9) for twin in twins}) == len(twins)


def test_a_shortened_name_keeps_its_beginning_and_ends_in_a_hash() -> None:
    encoded = encode_object_name("photos/" + "x" * 1000, max_bytes=100)

    assert encoded.startswith("photos/xxxxx")
    assert encoded[-33] == "~"
    assert set(encoded[-32:]) <= set("0123456789abcdef")
    assert len(encoded) == 100


def test_names_that_differ_only_behind_the_cut_stay_apart() -> None:
    stem = "x" * 1000

    assert encode_object_name(stem + "1", max_bytes=100) != encode_object_name(stem + "2", max_bytes=100)


def _all_names(one: Paths) -> dict[str, str]:
    """Every derived name, with the bucket it lies in."""
    in_results = [one.result, *(one.error(n) for n in (0, 1, 99)), *(one.file(f"mask-{n:03d}.png") for n in (0, 99))]
    in_results.append(one.file("overlay.jpg"))
    in_work = [one.lease, *(one.reply(n) for n in (0, 1, 99))]
    return {**dict.fromkeys(in_results, "results"), **dict.fromkeys(in_work, "work")}


@pytest.mark.fault(24)
@given(object_names)
@example("%" * 1024)
@example("🍋" * 256)
def test_every_derived_name_fits_for_the_longest_bucket_run_task_and_numbers(name: str) -> None:
    longest = paths(Source(LONGEST_BUCKET, name, LONGEST_GENERATION), run=LONGEST_RUN, task=LONGEST_TASK)

    names = [*_all_names(longest), longest.error(MAX_REDRIVE), longest.file("mask-9999.png")]

    assert max(len(derived.encode()) for derived in names) <= MAX_NAME_BYTES


PREFIXES = st.sampled_from(["", "u/", "uplook/", "x" * 32 + "/"])


@pytest.mark.fault(24, 26)
@given(object_names, PREFIXES)
@example("../" * 300, "uplook/")
@example("/", "u/")
def test_no_derived_name_leaves_the_results_prefix_and_each_still_fits(name: str, prefix: str) -> None:
    source = Source(LONGEST_BUCKET, name, LONGEST_GENERATION)
    found = paths(source, run=LONGEST_RUN, task=LONGEST_TASK, prefix=prefix)

    names = [*_all_names(found), found.error(MAX_REDRIVE), found.file("mask-9999.png"), found.parked("2026-11-21")]
    in_results = [found.result, found.error(0), found.error(MAX_REDRIVE), found.file("overlay.jpg")]
    assert all(derived.startswith(f"{prefix}{LONGEST_RUN}/{LONGEST_BUCKET}/") for derived in in_results)
    assert not {"", ".", ".."} & {segment for derived in names for segment in derived.split("/")}
    assert max(len(derived.encode()) for derived in names) <= MAX_NAME_BYTES


@given(object_names)
def test_a_prefix_moves_results_and_leaves_the_work_bucket_alone(name: str) -> None:
    source = Source("uploads", name, 7)
    plain, moved = (paths(source, run="v1", task="detect", prefix=prefix) for prefix in ("", "uplook/"))

    assert moved.result == f"uplook/{plain.result}"
    assert moved.file("overlay.jpg") == f"uplook/{plain.file('overlay.jpg')}"
    assert (moved.lease, moved.reply(0)) == (plain.lease, plain.reply(0))


_WORK = st.tuples(
    st.sampled_from(["a", "a-b", "1", "caption"]),
    object_names | st.sampled_from(["a", "a/1", "a/1/caption", "a/1/caption/1", "a/1/caption.json", "1/1"]),
    st.sampled_from([1, 2, 11, LONGEST_GENERATION]),
    st.sampled_from(["caption", "detect", "segment"]),
    st.sampled_from(["v1", "v2", "a"]),
)


@given(st.lists(_WORK, min_size=2, max_size=6, unique=True))
@example([("a", "a", 1, "caption", "v1"), ("a", "a/1/caption", 1, "caption", "v1")])
@example([("a", "a", 1, "caption", "v1"), ("a", "a/1", 1, "caption", "v1"), ("a", "a//1", 1, "caption", "v1")])
def test_different_pieces_of_work_share_no_derived_name(works: list[tuple[str, str, int, str, str]]) -> None:
    named = [
        set(_all_names(paths(Source(bucket, name, generation), run=run, task=task)).items())
        for bucket, name, generation, task, run in works
    ]

    for one, other in itertools.combinations(named, 2):
        assert not one & other


@given(st.lists(_WORK, min_size=1, max_size=6, unique=True))
@example([("a", "a", 1, "caption", "v1"), ("a", "a/1/caption", 1, "caption", "v1")])
@example([("a", "a", 1, "caption", "v1"), ("a", "a/1", 1, "caption", "v1"), ("a", "a/1/caption/1", 1, "caption", "v1")])
def test_an_object_is_told_to_belong_to_one_generations_folder_and_one_task(
    works: list[tuple[str, str, int, str, str]],
) -> None:
    """Folders lie inside each other: what is removed with one must never be part of another."""
    all_paths = [
        paths(Source(bucket, name, generation), run=run, task=task) for bucket, name, generation, task, run in works
    ]
    owners = {(found.folder, found.task) for found in all_paths}
    for found in all_paths:
        for derived in _all_names(found):
            bare = derived.removeprefix("leases/").removeprefix("replies/")
            told = {(folder, task_of(bare, folder=folder)) for folder, _ in owners}
            assert {(folder, task) for folder, task in told if task is not None} == {(found.folder, found.task)}


def test_the_layout_is_the_documented_one() -> None:
    found = paths(Source("photos", "a/cat.jpg", 17), run="v1", task="segment")

    assert found.result == "v1/photos/a/cat.jpg/17/segment.json"
    assert found.error(2) == "v1/photos/a/cat.jpg/17/segment.error-2.json"
    assert found.file("mask-000.png") == "v1/photos/a/cat.jpg/17/segment/mask-000.png"
    assert found.lease == "leases/v1/photos/a/cat.jpg/17/segment.json"
    assert found.reply(0) == "replies/v1/photos/a/cat.jpg/17/segment.json"
    assert found.reply(1) == "replies/v1/photos/a/cat.jpg/17/segment.ask-1.json"


@pytest.mark.parametrize("run", ["v1", "2026-11-21", "a_b.c", "0", "r" * 32])
def test_a_run_is_a_short_plain_word(run: str) -> None:
    assert is_run_name(run)


@pytest.mark.parametrize("run", ["", ".", "..", ".v1", "-v1", "V1", "a/b", "a b", "ä", "v1\n", "r" * 33])
def test_what_could_leave_its_folder_is_no_run(run: str) -> None:
    assert not is_run_name(run)


@pytest.mark.parametrize("bucket", ["uploads", "my_bucket-1", "images.example.com", "b" * 222])
def test_a_bucket_has_the_name_that_cloud_storage_gives(bucket: str) -> None:
    assert is_bucket_name(bucket)


@pytest.mark.parametrize("bucket", ["", ".", "..", "a/b", "gs://a", "A", "a b", "a\n", "ä", "b" * 223])
def test_what_could_leave_its_folder_is_no_bucket(bucket: str) -> None:
    assert not is_bucket_name(bucket)


@pytest.mark.parametrize(
    ("name", "fine"),
    [("a/../b", True), ("...", True), ("x" * 1024, True), ("", False), (".", False), ("..", False), ("a\nb", False)],
)
def test_an_object_has_a_name_that_cloud_storage_gives(name: str, *, fine: bool) -> None:
    assert is_object_name(name) is fine
    assert not is_object_name(name + "ä" * 513)


@pytest.mark.parametrize(("task", "fine"), [("caption", True), ("t" * 32, True), ("", False), ("a/b", False)])
def test_a_task_is_one_word_without_dots(task: str, *, fine: bool) -> None:
    assert is_task_name(task) is fine
    assert not is_task_name(task + ".error-0")
